#include "test/system/made_data.h"

#include <fmt/format.h>

#include <array>
#include <random>
#include <sstream>

#include "test/runtime/data/made_files.h"

namespace mlp::test {
namespace {

constexpr std::size_t kSide = 28;
constexpr std::size_t kCells = 7;  // to a side; a pattern is cells, light or dark, of 4 x 4 pixels
constexpr std::size_t kPatterns = 10;
constexpr unsigned kNoisePercent = 5;  // of the cells show the contrary of their pattern

using Pattern = std::array<bool, kCells * kCells>;

std::array<Pattern, kPatterns> make_patterns() {
  std::mt19937 generator(1);
  std::array<Pattern, kPatterns> patterns{};
  for (Pattern& pattern : patterns) {
    for (bool& cell : pattern) cell = generator() % 2 == 0;
  }
  return patterns;
}

float unit(std::mt19937& generator) { return static_cast<float>(generator() >> 8) * 0x1p-23F - 1; }

}  // namespace

Pictures make_pictures(std::size_t rows, std::uint32_t seed) {
  static const std::array<Pattern, kPatterns> patterns = make_patterns();
  std::mt19937 generator(seed);
  Pictures pictures;
  pictures.rows = rows;
  pictures.pixels.assign(rows * kSide * kSide, '\0');
  for (std::size_t row = 0; row < rows; ++row) {
    const auto label = static_cast<std::uint8_t>(generator() % kPatterns);
    pictures.labels.push_back(label);
    Pattern shown = patterns[label];
    for (bool& cell : shown) cell = cell != (generator() % 100 < kNoisePercent);
    for (std::size_t i = 0; i < kSide * kSide; ++i) {
      const std::size_t cell = i / kSide / 4 * kCells + i % kSide / 4;
      if (shown[cell]) pictures.pixels[row * kSide * kSide + i] = static_cast<char>(200);
    }
  }
  return pictures;
}

Pictures first_rows(const Pictures& pictures, std::size_t rows) {
  const auto count = static_cast<std::ptrdiff_t>(rows);
  return {rows,
          pictures.pixels.substr(0, rows * kSide * kSide),
          {pictures.labels.begin(), pictures.labels.begin() + count}};
}

std::string pictures_npy(const Pictures& pictures) {
  return npy("|u1", fmt::format("({}, {}, {})", pictures.rows, kSide, kSide), pictures.pixels);
}

namespace {

std::string labels_npy(const Pictures& pictures) {
  return npy("|u1", fmt::format("({},)", pictures.rows), bytes_of(pictures.labels));
}

}  // namespace

std::string mnist_npz(const Pictures& training, const Pictures& test) {
  return zip({{.name = "x_train.npy", .bytes = pictures_npy(training), .deflated = true},
              {.name = "y_train.npy", .bytes = labels_npy(training), .deflated = true},
              {.name = "x_test.npy", .bytes = pictures_npy(test), .deflated = true},
              {.name = "y_test.npy", .bytes = labels_npy(test), .deflated = true}});
}

const std::string& small_mnist_npz() {
  static const std::string bytes = mnist_npz(make_pictures(2000, 2), make_pictures(500, 3));
  return bytes;
}

std::string pair_npz(const Pictures& pictures) {
  return zip({{.name = "x.npy", .bytes = pictures_npy(pictures)},
              {.name = "y.npy", .bytes = labels_npy(pictures)}});
}

std::string clouds_csv(std::size_t rows, const std::vector<std::string>& names,
                       std::uint32_t seed) {
  std::mt19937 generator(seed);
  std::string text;
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t label = row < names.size() ? row : generator() % names.size();
    text += names[label];
    for (std::size_t feature = 0; feature < 4; ++feature) {
      const float center = label % 4 == feature ? 3.0F : 0.0F;
      text += fmt::format(",{}", center + static_cast<float>(label / 4) * 6 + unit(generator));
    }
    text += '\n';
  }
  return text;
}

std::string prices_csv(std::size_t rows, std::uint32_t seed) {
  std::mt19937 generator(seed);
  std::string text;
  for (std::size_t row = 0; row < rows; ++row) {
    const std::array<float, 3> x = {unit(generator), unit(generator), unit(generator)};
    text += fmt::format("{},{},{},{}\n", 50000 + 8000 * x[0] - 6000 * x[1] + 3000 * x[2],
                        1000 * x[0], x[1], x[2] / 1000);
  }
  return text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string without_first_column(const std::string& csv) {
  std::string text;
  for (const std::string& line : lines_of(csv)) text += line.substr(line.find(',') + 1) + '\n';
  return text;
}

}  // namespace mlp::test
