#pragma once

#include <string>
#include <vector>

namespace mlp {

// What training left behind: a value per column and epoch, in the order of `columns`.
struct History {
  std::vector<std::string> columns;       // "epoch", "loss", "accuracy", ..., "val_loss", ...
  std::vector<std::vector<double>> rows;  // as long as columns
};

}  // namespace mlp
