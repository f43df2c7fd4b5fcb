#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <vector>

namespace mlp {

// How numbers are brought to a common scale:
//
// kNone      not at all
// kStandard  (x - mean) / standard deviation; divided by 1 where the deviation is 0
// kRobust    (x - median) / (upper quartile - lower quartile); divided by 1 where that is 0
// kQuantile  the normal quantile of the share of values below x
enum class Scaling { kNone, kStandard, kRobust, kQuantile };

// What users and files call it: "none", "standard", "robust", "quantile".
std::string_view scaling_name(Scaling scaling);
std::optional<Scaling> find_scaling(std::string_view name);

// Brings the numbers of one column to a common scale, in double precision. It computes what these
// of scikit-learn do: StandardScaler (population variance), RobustScaler (quartiles with linear
// interpolation), and QuantileTransformer(output_distribution="normal", n_quantiles=min(1000, n),
// subsample=None), whose results lie within +-5.2. Default-constructed, it changes nothing.
class NumberScaler {
 public:
  NumberScaler() = default;

  // Fitted on `values`: at least one, all finite. Sums are formed in their order.
  static NumberScaler fit(Scaling scaling, std::vector<double> values);

  Scaling scaling() const { return scaling_; }
  double apply(double value) const;

  bool operator==(const NumberScaler&) const = default;

  nlohmann::ordered_json to_json() const;
  // Throws nlohmann::json::exception or std::range_error where that is no fitted scaler.
  static NumberScaler from_json(const nlohmann::ordered_json& json);

 private:
  double normal_quantile_of(double value) const;

  Scaling scaling_ = Scaling::kNone;
  double center_ = 0;
  double scale_ = 1;
  std::vector<double> quantiles_;  // of kQuantile, at equal steps from the least to the largest
};

// The x below which a standard normal variable lies with probability `p`, 1e-10 < p < 1 - 1e-10, to
// 1e-9: Wichura 1988, algorithm AS 241 (PPND16).
double normal_quantile(double p);

}  // namespace mlp
