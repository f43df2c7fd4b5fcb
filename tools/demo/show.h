#pragma once

#include <filesystem>

namespace mlp::demo {

// Prints some test pictures of an .npz as text, each with what was predicted and what is true,
// wrong ones among them where there are any; then the accuracy over all rows. `predictions` holds a
// row per test picture: truth, prediction. Throws UserError where the two files don't belong
// together.
void show_predictions(const std::filesystem::path& digits,
                      const std::filesystem::path& predictions);

}  // namespace mlp::demo
