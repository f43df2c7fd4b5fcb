#include "tools/demo/show.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/error.h"
#include "runtime/data/read_channel.h"

namespace mlp::demo {
namespace {

constexpr std::size_t kRight = 4;
constexpr std::size_t kWrong = 2;

struct Prediction {
  double truth = 0;
  double predicted = 0;

  bool right() const { return truth == predicted; }
};

std::vector<Prediction> read_predictions(const std::filesystem::path& path) {
  std::ifstream in(path);
  if (!in) throw UserError(fmt::format("{}: can't be read. Has the training run?", path.string()));
  std::vector<Prediction> predictions;
  Prediction row;
  char comma = 0;
  while (in >> row.truth >> comma >> row.predicted) predictions.push_back(row);
  if (!in.eof()) {
    throw UserError(fmt::format("{}, line {}: expected \"truth,prediction\", two numbers.",
                                path.string(), predictions.size() + 1));
  }
  return predictions;
}

// Two rows of a picture become one line of text, since a character is about twice as high as wide.
std::string text_line(std::span<const std::uint8_t> upper, std::span<const std::uint8_t> lower) {
  constexpr std::string_view kShades = " .:-=+*#%@";
  std::string text;
  for (std::size_t column = 0; column < upper.size(); ++column) {
    const std::size_t ink = (std::size_t{upper[column]} + lower[column]) / 2;
    text.push_back(kShades[ink * kShades.size() / 256]);
  }
  return text;
}

void print_line(std::string_view line) {
  // Blanks at the end would only wrap in a narrow terminal.
  fmt::print("{}\n", line.substr(0, line.find_last_not_of(' ') + 1));
}

// The rows to show: the first right ones and the first wrong ones, in the order of the file.
std::vector<std::size_t> choose_rows(std::span<const Prediction> predictions) {
  std::vector<std::size_t> chosen;
  std::size_t right = 0;
  std::size_t wrong = 0;
  for (std::size_t row = 0; row < predictions.size(); ++row) {
    if (predictions[row].right() ? right++ < kRight : wrong++ < kWrong) chosen.push_back(row);
  }
  return chosen;
}

}  // namespace

void show_predictions(const std::filesystem::path& digits,
                      const std::filesystem::path& predictions_file) {
  const std::vector<Prediction> predictions = read_predictions(predictions_file);
  const Table pictures = read_channel(digits, ChannelRole::kTest, {}).rows;
  if (pictures.row_shape.size() != 2 || pictures.features.type != FeatureType::kUint8) {
    throw UserError(fmt::format("{}: expected pictures, an array uint8 [rows, height, width].",
                                digits.string()));
  }
  if (pictures.rows() != predictions.size()) {
    throw UserError(fmt::format(
        "{} holds {} test pictures, but {} has {} rows. Train with this file again.",
        digits.string(), pictures.rows(), predictions_file.string(), predictions.size()));
  }

  const std::size_t height = pictures.row_shape[0];
  const std::size_t width = pictures.row_shape[1];
  const std::vector<std::size_t> chosen = choose_rows(predictions);
  constexpr std::size_t kPerLine = 3;
  for (std::size_t first = 0; first < chosen.size(); first += kPerLine) {
    const std::span<const std::size_t> side_by_side =
        std::span(chosen).subspan(first, std::min(kPerLine, chosen.size() - first));
    for (std::size_t y = 0; y + 1 < height; y += 2) {
      std::string line;
      for (const std::size_t row : side_by_side) {
        const std::span<const std::uint8_t> pixels(pictures.features.view().uint8_row(row),
                                                   height * width);
        line += text_line(pixels.subspan(y * width, width), pixels.subspan((y + 1) * width, width));
      }
      print_line(line);
    }
    std::string line;
    for (const std::size_t row : side_by_side) {
      const Prediction& prediction = predictions[row];
      const std::string caption = fmt::format("   predicted {}, truth {}{}", prediction.predicted,
                                              prediction.truth, prediction.right() ? "" : "  <--");
      line += fmt::format("{:<{}}", caption, width);
    }
    print_line(line);
  }

  const auto right = std::ranges::count_if(predictions, &Prediction::right);
  fmt::print("\nTest accuracy: {} of {} right, {:.2f} %\n", right, predictions.size(),
             100.0 * static_cast<double>(right) / static_cast<double>(predictions.size()));
}

}  // namespace mlp::demo
