#include "entrypoint/columns_file.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <unordered_set>

#include "model/error.h"
#include "model/wording.h"
#include "runtime/system/files.h"

namespace mlp {

using Json = nlohmann::ordered_json;

void write_columns_file(const std::filesystem::path& model_dir,
                        const std::vector<std::string>& columns) {
  const std::filesystem::path path = model_dir / kColumnsFile;
  if (columns.empty()) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    return;
  }
  write_file(path, Json({{"columns", columns}}).dump(2) + "\n");
}

std::vector<std::string> read_columns_file(const std::filesystem::path& model_dir,
                                           const Preprocessor& preprocessor) {
  const std::filesystem::path path = model_dir / kColumnsFile;
  std::error_code error;
  if (!preprocessor.named() || !std::filesystem::exists(path, error)) return {};
  const auto fail = [&path](std::string_view what) {
    throw UserError(fmt::format(
        "{} {}. Expected the names of the training file's columns in their order: take it from "
        "where model.h5 is from, or remove it; then rows to predict need a header.",
        shortened_path(path.string()), what));
  };
  std::vector<std::string> columns;
  try {
    columns = Json::parse(read_file(path)).at("columns").get<std::vector<std::string>>();
  } catch (const Json::exception&) {
    fail("is damaged");
  }
  const std::unordered_set<std::string_view> found(columns.begin(), columns.end());
  if (found.size() != columns.size()) fail("names a column twice");
  for (const InputColumn& column : preprocessor.columns()) {
    if (found.contains(column.name)) continue;
    fail(fmt::format("lacks the column {} of model.h5", in_quotes(column.name)));
  }
  return columns;
}

}  // namespace mlp
