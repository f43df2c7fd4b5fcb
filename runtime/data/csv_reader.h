#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/table.h"
#include "runtime/data/byte_source.h"
#include "runtime/data/line_reader.h"
#include "runtime/data/read_channel.h"
#include "runtime/data/record_reader.h"

namespace mlp {

// Rows of numbers from CSV text, one file after the other.
//
// Fields part at commas; blanks around them don't count. A field may stand in double quotes, a
// quote inside doubled (RFC 4180), but a line break ends the row even there. Features are numbers
// and become float32. Without a header the first column is the target. A single target may be text;
// several are numbers. Weights are finite numbers that are not negative.
//
// Throws UserError with file, line and column (and the column's name) at what is no such text, at
// missing values, text, NaN and infinity in features, and at rows that are shorter or longer.
class CsvReader final : public RecordReader {
 public:
  using Opener = std::function<std::unique_ptr<ByteSource>()>;

  // For training: every row has its targets, in the order of `targets`. With several files each has
  // its own header, or none; all must have the same columns. `targets` empty: the first column,
  // where there is no header. `weight_column` empty: the rows have no weights. Throws UserError
  // where a column is to be two things.
  CsvReader(std::vector<Opener> files, Header header, std::vector<std::string> targets,
            std::string weight_column);

  // For prediction: rows of the model's features without target. With a header the columns are put
  // into the model's order by name.
  CsvReader(Opener file, PredictInputOptions options);

  // As RecordReader says. While all targets so far are numbers the reader keeps their text, since
  // the first that is none makes text of all that stand in `table`, as they stood in the file.
  std::size_t read(Table& table, std::size_t limit) override;

 private:
  bool open_next();
  void plan_training(const std::vector<std::string>& first_line);
  std::size_t column_of(const std::string& name, std::string_view hyperparameter,
                        const std::vector<std::string>& names) const;
  void plan_prediction(const std::vector<std::string>& first_line);
  void plan_header_of_prediction(const std::vector<std::string>& names);
  void compare_with_first_file(std::size_t columns) const;
  void describe(Table& table) const;
  void read_row(std::string_view line, Table& table);
  const char* read_odd_feature(std::string_view line, const char* start, std::size_t column,
                               float& value) const;
  void add_target(std::string_view text, std::size_t column, RawTargets& targets);
  float parse_weight(std::string_view text, std::size_t column) const;

  std::string place(std::size_t column) const;
  [[noreturn]] void throw_ragged(std::string_view line) const;

  std::vector<Opener> files_;
  std::size_t next_file_ = 0;
  Header header_ = Header::kAuto;
  std::vector<std::string> targets_;  // as asked for
  std::string weight_column_;
  std::optional<PredictInputOptions> prediction_;

  std::unique_ptr<LineReader> lines_;  // of the open file; empty before the first, after the last
  std::optional<std::string_view> waiting_;  // its first line, where that is a row
  bool has_rows_ = false;                    // the open file gave one
  std::string first_file_;                   // name of the first file
  std::vector<std::string> columns_;         // names in the open file; empty without header
  std::vector<std::string> first_columns_;   // those of the first file
  // Of each column: its feature, else width_ + its target, else kWeight or kDropped.
  std::vector<std::size_t> slots_;
  std::size_t width_ = 0;
  std::size_t target_count_ = 0;
  std::vector<std::string> feature_names_;

  std::string target_text_;  // of all values of a single target, while they are numbers
  std::vector<std::size_t> target_ends_;
};

}  // namespace mlp
