// mlp_demo draw OUT.npz [TRAIN_ROWS TEST_ROWS]   draws digits to train with
// mlp_demo show DIGITS.npz PREDICTION.csv        shows what a model makes of them
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <exception>
#include <string_view>
#include <vector>

#include "model/error.h"
#include "tools/demo/draw.h"
#include "tools/demo/show.h"

namespace mlp::demo {
namespace {

std::size_t parse_count(std::string_view text) {
  std::size_t count = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (status != std::errc() || end != text.data() + text.size() || count < 1 || count > 1'000'000) {
    throw UserError(
        fmt::format("A number of rows is a whole number from 1 to 1000000, not \"{}\".", text));
  }
  return count;
}

int run(const std::vector<std::string_view>& words) {
  if (words.size() == 2 && words[0] == "draw") {
    draw_digits(words[1], 60'000, 10'000);
  } else if (words.size() == 4 && words[0] == "draw") {
    draw_digits(words[1], parse_count(words[2]), parse_count(words[3]));
  } else if (words.size() == 3 && words[0] == "show") {
    show_predictions(words[1], words[2]);
  } else {
    fmt::print(stderr,
               "Usage: mlp_demo draw OUT.npz [TRAIN_ROWS TEST_ROWS]\n"
               "       mlp_demo show DIGITS.npz PREDICTION.csv\n");
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace mlp::demo

int main(int argc, char** argv) {
  try {
    return mlp::demo::run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "mlp_demo: {}\n", error.what());
    return 1;
  }
}
