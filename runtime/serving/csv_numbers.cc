#include "runtime/serving/csv_numbers.h"

#include <algorithm>
#include <string>

#include "runtime/data/csv_reader.h"
#include "runtime/data/number.h"
#include "runtime/data/wording.h"

namespace mlp {

bool takes_csv_numbers(const PredictInputOptions& options) {
  const Preprocessor& preprocessor = *options.preprocessor;
  const bool is_default = options.header != Header::kYes && !options.has_target &&
                          (options.delimiter == 0 || options.delimiter == ',') &&
                          !options.missing_values.has_numbers();
  if (!is_default || !preprocessor.is_plain()) return false;
  std::vector<std::string> used;
  for (const InputColumn& input : preprocessor.columns())
    if (is_used(input.type)) used.push_back(input.name);
  if (used != columns_by_place(options)) return false;
  if (!preprocessor.named()) return true;
  // A line that names a column is a header.
  const auto is_number = [](const std::string& name) {
    double value = 0;
    return parse_number(trimmed(name), value) != NumberStatus::kNoNumber;
  };
  return !options.file_columns.empty() && std::none_of(used.begin(), used.end(), is_number);
}

std::size_t CsvNumbers::read(std::vector<float>& values, std::size_t limit) {
  std::size_t rows = 0;
  while (rows < limit && p_ != last_) {
    const std::size_t before = values.size();
    values.resize(before + width_);
    if (!read_line(values.data() + before)) {
      values.resize(before);
      break;
    }
    ++rows;
  }
  return rows;
}

bool CsvNumbers::read_line(float* values) {
  const char* p = p_;
  for (std::size_t i = 0; i < width_; ++i) {
    if (i > 0) {
      if (p == last_ || *p != ',') return false;
      ++p;
    }
    const ScannedNumber number = scan_number(p, last_, values[i]);
    if (number.status != NumberStatus::kNumber) return false;
    p = number.end;
  }
  if (p != last_ && *p == '\r' && last_ - p > 1 && p[1] == '\n') ++p;
  if (p != last_) {
    if (*p != '\n') return false;
    ++p;
  }
  p_ = p;
  return true;
}

}  // namespace mlp
