#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/column.h"
#include "model/features.h"
#include "model/input_column.h"

namespace mlp {

// What stands in a column over some rows, in the units of the file. Members that are not of its
// type keep their defaults.
struct FeatureSummary {
  // Distinct numbers are not counted beyond this.
  static constexpr std::size_t kMostDistinct = 100'000;

  std::string name;
  std::string type;          // as type_name() says it, or "pixels"
  bool is_text = false;      // has the top values in place of min, max and mean
  std::size_t missing = 0;   // rows
  std::size_t distinct = 0;  // values; kMostDistinct + 1 where there are more
  double min = 0;
  double max = 0;
  double mean = 0;
  bool constant = false;   // one value, none missing
  std::string first = {};  // of dates, as the file has them
  std::string last = {};
  // The most frequent texts, three at most, and how many rows have them.
  std::vector<std::pair<std::string, std::size_t>> top = {};
};

// One summary for each feature over `rows`, of which there is at least one; for pixels a single one
// over all of them. `names` has one for each feature, or is empty: then they are numbered from 1.
std::vector<FeatureSummary> summarize(const FeatureView& features,
                                      std::span<const std::uint32_t> rows,
                                      std::span<const std::string> names);

// One summary for each column over `rows`, of the type in `learned`: Preprocessor::columns() of a
// preprocessor that was fitted to these columns. What is there beyond them was ignored, and has a
// name and a type alone.
std::vector<FeatureSummary> summarize(std::span<const Column> columns,
                                      std::span<const InputColumn> learned,
                                      std::span<const std::uint32_t> rows);

// The summaries as a table to print: a line of headings, then one for each of the first `limit`,
// and one on how many more there are. Long names and texts are cut.
std::vector<std::string> summary_lines(std::span<const FeatureSummary> summaries,
                                       std::size_t limit = 100);

}  // namespace mlp
