#include "test/support/columns.h"

#include <numeric>
#include <utility>

namespace mlp::test {

Column numbers(std::string name, std::vector<double> values) {
  Column column;
  column.name = std::move(name);
  column.numbers = std::move(values);
  return column;
}

Column texts(std::string name, const std::vector<std::string>& values) {
  Column column;
  column.name = std::move(name);
  column.is_text = true;
  for (const std::string& text : values)
    column.codes.push_back(text.empty() ? Column::kMissing : column.texts.add(text));
  return column;
}

std::vector<std::string> texts_of(const Column& column) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < column.texts.size(); ++i) texts.emplace_back(column.texts[i]);
  return texts;
}

std::vector<std::string> text_by_row(const Column& column) {
  std::vector<std::string> texts;
  for (const std::uint32_t code : column.codes)
    texts.emplace_back(code == Column::kMissing ? "" : column.texts[code]);
  return texts;
}

std::vector<std::uint32_t> first(std::size_t rows) {
  std::vector<std::uint32_t> all(rows);
  std::iota(all.begin(), all.end(), 0U);
  return all;
}

}  // namespace mlp::test
