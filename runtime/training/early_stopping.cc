#include "runtime/training/early_stopping.h"

#include <cmath>

namespace mlp {

bool EarlyStopping::add(std::size_t epoch, double value) {
  const bool is_first = best_epoch_ == 0;
  if (is_first) best_epoch_ = epoch;
  ++waited_;
  const double sign = config_.larger_is_better ? -1 : 1;
  const bool is_better =
      !std::isnan(value) && (!has_best_ || sign * value < sign * best_ - config_.min_delta);
  if (is_better) {
    best_ = value;
    has_best_ = true;
    best_epoch_ = epoch;
    waited_ = 0;
  } else if (waited_ >= config_.patience && !is_first) {
    should_stop_ = true;
  }
  return is_better || is_first;
}

}  // namespace mlp
