#include "tools/demo/draw.h"

#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "model/error.h"

namespace mlp::demo {
namespace {

constexpr std::size_t kSide = 28;
constexpr std::size_t kPixels = kSide * kSide;

// SplitMix64 (Steele, Lea and Flood 2014): one addition and one hash a number.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t bits() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t bound) {
    return static_cast<std::size_t>((bits() >> 32) * bound >> 32);
  }
  float uniform(float low, float high) {
    return low + (high - low) * static_cast<float>(bits() >> 40) * 0x1p-24F;
  }
  // Close to normal, with standard deviation `scale`: the sum of four uniform numbers.
  float normal(float scale) {
    float sum = 0;
    for (int i = 0; i < 4; ++i) sum += uniform(-1, 1);
    return sum * scale * 0.866F;
  }

 private:
  std::uint64_t state_;
};

struct Point {
  float x = 0;
  float y = 0;
};

// A line of the pen through some points, in a square of side 1 with y downwards.
struct Stroke {
  bool smooth = false;  // a curve, not straight pieces
  std::vector<Point> points;
};

using Glyph = std::vector<Stroke>;

// Ways in which each digit is written.
const std::array<std::vector<Glyph>, 10>& glyphs() {
  static const std::array<std::vector<Glyph>, 10> kAll = {{
      {{{true,
         {{.5F, .05F},
          {.24F, .2F},
          {.16F, .5F},
          {.24F, .8F},
          {.5F, .95F},
          {.76F, .8F},
          {.84F, .5F},
          {.76F, .2F},
          {.5F, .05F}}}}},
      {{{false, {{.5F, .05F}, {.5F, .95F}}}},
       {{false, {{.3F, .25F}, {.54F, .05F}, {.52F, .95F}}}},
       {{false, {{.3F, .25F}, {.52F, .05F}, {.52F, .94F}}}, {false, {{.28F, .95F}, {.76F, .95F}}}}},
      {{{true,
         {{.2F, .28F},
          {.3F, .1F},
          {.55F, .05F},
          {.78F, .22F},
          {.7F, .45F},
          {.42F, .72F},
          {.18F, .93F}}},
        {false, {{.18F, .93F}, {.85F, .93F}}}},
       {{true,
         {{.2F, .25F},
          {.5F, .05F},
          {.76F, .26F},
          {.5F, .66F},
          {.2F, .9F},
          {.2F, .72F},
          {.5F, .84F},
          {.85F, .9F}}}}},
      {{{true, {{.2F, .15F}, {.5F, .05F}, {.77F, .22F}, {.66F, .42F}, {.4F, .48F}}},
        {true, {{.4F, .48F}, {.72F, .55F}, {.82F, .75F}, {.55F, .95F}, {.2F, .86F}}}},
       {{false, {{.22F, .06F}, {.78F, .06F}, {.46F, .42F}}},
        {true, {{.46F, .42F}, {.74F, .5F}, {.82F, .74F}, {.55F, .95F}, {.2F, .86F}}}}},
      {{{false, {{.6F, .05F}, {.15F, .65F}, {.88F, .65F}}}, {false, {{.65F, .35F}, {.65F, .97F}}}},
       {{false, {{.26F, .06F}, {.2F, .54F}, {.78F, .54F}}}, {false, {{.76F, .06F}, {.7F, .95F}}}}},
      {{{false, {{.78F, .07F}, {.3F, .07F}, {.25F, .45F}}},
        {true, {{.25F, .45F}, {.55F, .38F}, {.8F, .6F}, {.68F, .88F}, {.4F, .95F}, {.18F, .85F}}}}},
      {{{true,
         {{.68F, .06F},
          {.4F, .25F},
          {.22F, .6F},
          {.35F, .9F},
          {.6F, .93F},
          {.77F, .75F},
          {.62F, .55F},
          {.4F, .57F},
          {.25F, .7F}}}}},
      {{{false, {{.15F, .08F}, {.83F, .08F}, {.42F, .95F}}}},
       {{false, {{.15F, .08F}, {.83F, .08F}, {.42F, .95F}}}, {false, {{.35F, .5F}, {.78F, .5F}}}}},
      {{{true,
         {{.5F, .48F},
          {.28F, .34F},
          {.3F, .12F},
          {.5F, .05F},
          {.7F, .12F},
          {.72F, .34F},
          {.5F, .48F},
          {.24F, .68F},
          {.28F, .88F},
          {.5F, .95F},
          {.72F, .88F},
          {.76F, .68F},
          {.5F, .48F}}}}},
      {{{true,
         {{.75F, .28F},
          {.62F, .08F},
          {.36F, .07F},
          {.22F, .28F},
          {.36F, .5F},
          {.6F, .48F},
          {.75F, .28F}}},
        {true, {{.75F, .28F}, {.73F, .6F}, {.58F, .95F}}}},
       {{true,
         {{.75F, .25F},
          {.55F, .06F},
          {.3F, .15F},
          {.27F, .4F},
          {.5F, .52F},
          {.74F, .3F},
          {.75F, .6F},
          {.62F, .9F},
          {.3F, .93F}}}}},
  }};
  return kAll;
}

// A turn, slant and stretch about the middle of the square, and the way from there to pixels.
struct Transform {
  float xx, xy, yx, yy, dx, dy;

  Point operator()(Point p) const {
    const float x = p.x - 0.5F;
    const float y = p.y - 0.5F;
    return {xx * x + xy * y + dx, yx * x + yy * y + dy};
  }
};

Transform random_transform(Random& random) {
  // The tangent of half an angle gives its cosine and sine without a trigonometric function.
  const float t = random.normal(0.12F);
  const float cosine = (1 - t * t) / (1 + t * t);
  const float sine = 2 * t / (1 + t * t);
  const float slant = random.normal(0.22F);
  const float width = random.uniform(11.5F, 20.5F);
  const float height = random.uniform(17, 21.5F);
  const float middle = static_cast<float>(kSide) / 2;
  return {cosine * width,
          (-sine - cosine * slant) * height,
          sine * width,
          (cosine - sine * slant) * height,
          middle + random.normal(1.2F),
          middle + random.normal(1.2F)};
}

// The point between b and c of the Catmull-Rom curve through a, b, c, d.
Point curve_point(Point a, Point b, Point c, Point d, float t) {
  const auto along = [t](float p, float q, float r, float s) {
    return 0.5F *
           (2 * q + t * ((r - p) + t * ((2 * p - 5 * q + 4 * r - s) + t * (3 * (q - r) + s - p))));
  };
  return {along(a.x, b.x, c.x, d.x), along(a.y, b.y, c.y, d.y)};
}

class Canvas {
 public:
  Canvas() { distance_.fill(std::numeric_limits<float>::max()); }

  // Notes how far each pixel near the line from a to b is from it.
  void line(Point a, Point b) {
    const auto from = [](float value) {
      return static_cast<std::size_t>(
          std::clamp(value - kReach, 0.0F, static_cast<float>(kSide - 1)));
    };
    const auto to = [](float value) {
      return static_cast<std::size_t>(
          std::clamp(value + kReach, 0.0F, static_cast<float>(kSide - 1)));
    };
    const float dx = b.x - a.x;
    const float dy = b.y - a.y;
    const float length2 = std::max(dx * dx + dy * dy, 1e-12F);
    for (std::size_t row = from(std::min(a.y, b.y)); row <= to(std::max(a.y, b.y)); ++row) {
      for (std::size_t column = from(std::min(a.x, b.x)); column <= to(std::max(a.x, b.x));
           ++column) {
        const float x = static_cast<float>(column) + 0.5F - a.x;
        const float y = static_cast<float>(row) + 0.5F - a.y;
        const float t = std::clamp((x * dx + y * dy) / length2, 0.0F, 1.0F);
        const float off_x = x - t * dx;
        const float off_y = y - t * dy;
        float& distance = distance_[row * kSide + column];
        distance = std::min(distance, off_x * off_x + off_y * off_y);
      }
    }
  }

  // Inks all pixels within `radius` of a line, with a soft edge of one pixel.
  void ink(float radius, Random& random, std::span<std::uint8_t> pixels) const {
    const float darkness = random.uniform(200, 255);
    for (std::size_t i = 0; i < kPixels; ++i) {
      pixels[i] = 0;
      if (distance_[i] >= (radius + 0.5F) * (radius + 0.5F)) continue;
      const float cover = std::min(radius + 0.5F - std::sqrt(distance_[i]), 1.0F);
      pixels[i] = static_cast<std::uint8_t>(cover * (darkness - random.uniform(0, 60)));
    }
  }

 private:
  static constexpr float kReach = 3;  // beyond the widest pen

  std::array<float, kPixels> distance_;  // squared
};

void draw(std::size_t digit, Random& random, std::span<std::uint8_t> pixels) {
  const std::vector<Glyph>& ways = glyphs()[digit];
  const Transform transform = random_transform(random);
  Canvas canvas;
  for (const Stroke& stroke : ways[random.below(ways.size())]) {
    std::vector<Point> points = stroke.points;
    for (Point& point : points) {
      point = transform({point.x + random.normal(0.052F), point.y + random.normal(0.052F)});
    }
    for (std::size_t i = 0; i + 1 < points.size(); ++i) {
      if (!stroke.smooth) {
        canvas.line(points[i], points[i + 1]);
        continue;
      }
      constexpr int kPieces = 5;
      const Point before = points[i == 0 ? 0 : i - 1];
      const Point after = points[std::min(i + 2, points.size() - 1)];
      Point from = points[i];
      for (int piece = 1; piece <= kPieces; ++piece) {
        const Point to = curve_point(before, points[i], points[i + 1], after,
                                     static_cast<float>(piece) / static_cast<float>(kPieces));
        canvas.line(from, to);
        from = to;
      }
    }
  }
  canvas.ink(random.uniform(0.7F, 1.7F), random, pixels);
  for (std::size_t specks = random.below(6); specks > 0; --specks) {
    pixels[random.below(kPixels)] = static_cast<std::uint8_t>(random.below(256));
  }
}

struct Digits {
  std::vector<std::uint8_t> pixels;
  std::vector<std::uint8_t> labels;
};

Digits draw_rows(std::size_t rows, Random& random) {
  Digits digits;
  digits.pixels.resize(rows * kPixels);
  digits.labels.resize(rows);
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t digit = random.below(10);
    digits.labels[row] = static_cast<std::uint8_t>(digit);
    draw(digit, random, std::span(digits.pixels).subspan(row * kPixels, kPixels));
  }
  return digits;
}

// Writes members of a zip file, one after the other. What is written is a whole file only after
// close().
class ZipWriter {
 public:
  explicit ZipWriter(const std::filesystem::path& path)
      : path_(path), file_(zipOpen64(path.c_str(), APPEND_STATUS_CREATE)) {
    require(file_ != nullptr);
  }
  ~ZipWriter() {
    if (file_ != nullptr) zipClose(file_, nullptr);
  }
  ZipWriter(const ZipWriter&) = delete;
  ZipWriter& operator=(const ZipWriter&) = delete;

  // A member "<name>.npy" of unsigned bytes. `shape` is written as Python writes a tuple.
  void add(std::string_view name, std::string_view shape, std::span<const std::uint8_t> values) {
    // Version 1.0 of the format: magic, version, length of the header, header, padded to a multiple
    // of 64 bytes.
    constexpr std::size_t kPrelude = 10;
    std::string header =
        fmt::format("{{'descr': '|u1', 'fortran_order': False, 'shape': {}, }}", shape);
    header.append(63 - (kPrelude + header.size()) % 64, ' ');
    header.push_back('\n');
    std::string start("\x93NUMPY\x01\x00", 8);
    start.push_back(static_cast<char>(header.size() & 0xff));
    start.push_back(static_cast<char>(header.size() >> 8));
    start += header;

    // A fixed time, the first that the format knows, so that equal digits are equal files.
    zip_fileinfo info = {};
    info.tmz_date.tm_mday = 1;
    info.tmz_date.tm_year = 1980;
    constexpr int kFast = 1;
    require(zipOpenNewFileInZip64(file_, fmt::format("{}.npy", name).c_str(), &info, nullptr, 0,
                                  nullptr, 0, nullptr, Z_DEFLATED, kFast, 0) == ZIP_OK);
    write(start.data(), start.size());
    write(values.data(), values.size());
    require(zipCloseFileInZip(file_) == ZIP_OK);
  }

  void close() {
    const int status = zipClose(file_, nullptr);
    file_ = nullptr;
    require(status == ZIP_OK);
  }

 private:
  void write(const void* bytes, std::size_t size) {
    require(zipWriteInFileInZip(file_, bytes, static_cast<unsigned>(size)) == ZIP_OK);
  }
  void require(bool written) const {
    if (!written)
      throw UserError(fmt::format(
          "{}: can't be written. Is the folder there, and the disk not full?", path_.string()));
  }

  std::filesystem::path path_;
  zipFile file_;
};

}  // namespace

void draw_digits(const std::filesystem::path& file, std::size_t train_rows, std::size_t test_rows) {
  Random random(20260101);
  const Digits train = draw_rows(train_rows, random);
  const Digits test = draw_rows(test_rows, random);

  // A cut-short file must never be found under the name of a whole one.
  std::filesystem::path side = file;
  side += ".part";
  ZipWriter zip(side);
  zip.add("x_train", fmt::format("({}, {}, {})", train_rows, kSide, kSide), train.pixels);
  zip.add("y_train", fmt::format("({},)", train_rows), train.labels);
  zip.add("x_test", fmt::format("({}, {}, {})", test_rows, kSide, kSide), test.pixels);
  zip.add("y_test", fmt::format("({},)", test_rows), test.labels);
  zip.close();
  std::filesystem::rename(side, file);
}

}  // namespace mlp::demo
