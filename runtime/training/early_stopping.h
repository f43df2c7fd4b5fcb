#pragma once

#include <cstddef>
#include <string>
#include <utility>

namespace mlp {

struct EarlyStoppingConfig {
  // Epochs without a better value after which training ends; 0 ends it at the first of them.
  std::size_t patience = 0;
  std::string metric = "val_loss";  // as a line of metrics calls it
  bool larger_is_better = false;
  double min_delta = 0;  // what a value has to be better by, to count
};

// Watches one metric, epoch by epoch, by the rule of Keras's EarlyStopping: a value that is better
// than the best so far by more than min_delta is the new best.
class EarlyStopping {
 public:
  explicit EarlyStopping(EarlyStoppingConfig config) : config_(std::move(config)) {}

  // Takes an epoch's value, epochs counted from 1; true where it is the best so far. What is no
  // number is never better; the first epoch is the best until another is.
  bool add(std::size_t epoch, double value);

  bool should_stop() const { return should_stop_; }
  std::size_t best_epoch() const { return best_epoch_; }  // 0: none yet
  const EarlyStoppingConfig& config() const { return config_; }

 private:
  EarlyStoppingConfig config_;
  double best_ = 0;  // once has_best_
  bool has_best_ = false;
  std::size_t best_epoch_ = 0;
  std::size_t waited_ = 0;
  bool should_stop_ = false;
};

}  // namespace mlp
