#include "runtime/serving/json_instances.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/error.h"
#include "runtime/data/json_reader.h"
#include "runtime/data/wording.h"
#include "runtime/serving/json_cursor.h"
#include "runtime/serving/json_numbers.h"

namespace mlp {
namespace {

constexpr std::string_view kSignature = "signature_name";

// Whether rows without names are lists of numbers and nothing else, missing values included.
bool takes_numbers(const PredictInputOptions& options) {
  return options.preprocessor->is_plain() && !options.missing_values.has_numbers();
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// Takes the values that stand one after the other from a text, which are a row each.
class Elements {
 public:
  virtual ~Elements() = default;
  // False at the end. `text` is one value, unless it is malformed.
  virtual bool next(std::string_view& text, RecordPlace& place) = 0;
};

// Of a list of objects, or of lists; not of both.
class ListElements final : public Elements {
 public:
  explicit ListElements(std::string_view list) : cursor_(list) {
    cursor_.expect('[');
    kind_ = cursor_.peek();
  }

  bool next(std::string_view& text, RecordPlace& place) override {
    if (cursor_.peek() == ']') return false;
    if (number_ > 0) cursor_.expect(',');
    ++number_;
    if (cursor_.peek() != kind_) {
      throw UserError(fmt::format(
          "{}, row {}: found {}, but the rows before it are {}. Send all rows in one form.",
          cursor_.place(), number_, cursor_.found(), kind_ == '{' ? "objects" : "lists"));
    }
    text = cursor_.value();
    place = {"row", number_};
    return true;
  }

 private:
  JsonCursor cursor_;
  char kind_ = '\0';  // what each element begins with
  std::size_t number_ = 0;
};

// With white space between them.
class SequenceElements final : public Elements {
 public:
  explicit SequenceElements(std::string_view text) : cursor_(text) {}

  bool next(std::string_view& text, RecordPlace& place) override {
    if (cursor_.at_end()) return false;
    ++number_;
    const char c = cursor_.peek();
    if (c != '{' && c != '[') cursor_.fail("a list or an object for each row");
    text = cursor_.value();
    place = {"row", number_};
    return true;
  }

 private:
  JsonCursor cursor_;
  std::size_t number_ = 0;
};

class LineElements final : public Elements {
 public:
  explicit LineElements(std::string_view text) : rest_(text) {}

  bool next(std::string_view& text, RecordPlace& place) override {
    if (rest_.empty()) return false;
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    text = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    place = {"line", ++number_};
    if (!is_blank(text)) return true;
    if (is_blank(rest_)) return false;
    throw UserError(
        fmt::format("{}, line {}: the line is blank, but rows follow it. Expected a list or an "
                    "object in each line: remove the blank line, or fill in its row.",
                    kBodyName, number_));
  }

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
};

// Rows that were all read at once.
class ReadRows final : public RequestRows {
 public:
  explicit ReadRows(Features rows) : rows_(std::move(rows)) {}

  bool next(Features& rows) override {
    if (!rows_) return false;
    rows = std::move(*rows_);
    rows_.reset();
    return true;
  }

 private:
  std::optional<Features> rows_;
};

// A row for each element.
class ElementRows final : public RequestRows {
 public:
  ElementRows(const RowReading& reading, std::unique_ptr<Elements> elements)
      : reading_(reading),
        elements_(std::move(elements)),
        records_(std::string(kBodyName), reading.options),
        takes_numbers_(takes_numbers(reading.options)),
        named_(reading.options.preprocessor->named()) {
    if (takes_numbers_) return;
    for (const InputColumn& input : reading.options.preprocessor->columns())
      if (is_used(input.type)) keys_.push_back(nlohmann::json(input.name).dump() + ':');
  }

  bool next(Features& rows) override {
    Table table;
    records_.describe(table);
    std::size_t count = 0;
    std::string_view text;
    RecordPlace place;
    while (count < kChunkRows && elements_->next(text, place)) {
      add(text, place, table);
      ++count;
    }
    if (count > 0) rows = reading_.predictor.encode(std::move(table), done_);
    done_ += count;
    return count > 0;
  }

 private:
  void add(std::string_view text, const RecordPlace& place, Table& table) {
    JsonCursor cursor(text, place);
    if (cursor.peek() == '[') {
      add_list(cursor, table);
    } else if (cursor.peek() == '{') {
      add_object(cursor, text, table);
    } else {
      cursor.fail("a list or an object for each row");
    }
    if (!cursor.at_end()) cursor.fail("the end of the row");
  }

  void add_object(JsonCursor& cursor, std::string_view text, Table& table) {
    const char* const begin = cursor.position();
    if (const std::optional<std::string_view> list = list_of_values(cursor)) {
      JsonCursor values(*list, cursor.record());
      add_list(values, table);
      return;
    }
    if (named_) {
      cursor.move_to(begin);
      records_.add(text, cursor.record(), table);
      cursor.move_to(cursor.last());
      return;
    }
    throw UserError(fmt::format(
        "{}: expected an object with a list of values, such as {{\"features\": [...]}}, or a list "
        "of {}. The columns of this model have no names.",
        cursor.place(), reading_.positions.expected()));
  }

  // Passes an object that holds one list, and returns that; nothing where it is a record by name.
  std::optional<std::string_view> list_of_values(JsonCursor& cursor) const {
    constexpr std::string_view kKeys[] = {"data", "features", "values"};
    cursor.expect('{');
    if (cursor.peek() == '}') return std::nullopt;
    std::string key = cursor.key();
    if (named_ && records_.knows(key)) return std::nullopt;
    std::size_t level = 0;
    while (cursor.peek() == '{') {
      if (level + 1 == std::size(kKeys) || key != kKeys[level]) return std::nullopt;
      cursor.expect('{');
      if (cursor.peek() == '}') return std::nullopt;
      key = cursor.key();
      if (key != kKeys[++level]) return std::nullopt;
    }
    if (cursor.peek() != '[') return std::nullopt;
    const std::string_view list = cursor.value();
    for (std::size_t i = 0; i <= level; ++i)
      if (!cursor.accept('}')) return std::nullopt;
    return list;
  }

  void add_list(JsonCursor& cursor, Table& table) {
    if (!takes_numbers_) {
      add_values(cursor, table);
      return;
    }
    std::vector<float>& floats = table.features.floats;
    const std::size_t before = floats.size();
    const ListShape shape = read_numbers(cursor, floats, reading_.positions);
    // Values in one list are one row where they can be, since no more than one is here.
    if (shape.view().size() == 1) {
      const PositionOrder* const order =
          reading_.positions.order_of(cursor.place(), shape.view()[0]);
      if (order != nullptr) {
        reading_.positions.put_in_order(*order, floats, before);
        return;
      }
    }
    const PositionalRows::Reading found = reading_.positions.read(cursor.place(), shape.view());
    if (found.rows != 1) {
      throw UserError(fmt::format(
          "{}: found values of shape {}, which are {} rows. Expected one row here. Send "
          "a list of rows as {{\"instances\": [...]}}.",
          cursor.place(), shape_text(shape.view()), found.rows));
    }
    reading_.positions.put_in_order(*found.order, floats, before);
  }

  // Adds a list of values of any kind, as the record that they would be by name.
  void add_values(JsonCursor& cursor, Table& table) {
    std::vector<std::string_view> values;
    cursor.expect('[');
    while (cursor.peek() != ']') {
      if (!values.empty()) cursor.expect(',');
      values.push_back(cursor.value());
    }
    cursor.expect(']');
    const PositionOrder* const order = reading_.positions.order_of(cursor.place(), values.size());
    if (order == nullptr) {
      throw UserError(fmt::format("{}: found {} value{}. Expected {}. Correct the row.",
                                  cursor.place(), values.size(), values.size() == 1 ? "" : "s",
                                  reading_.positions.expected()));
    }
    record_.assign(1, '{');
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (order->used[i] == PositionOrder::kLeftOut) continue;
      if (record_.size() > 1) record_ += ',';
      record_ += keys_[order->used[i]];
      record_ += values[i];
    }
    record_ += '}';
    records_.add(record_, cursor.record(), table);
  }

  RowReading reading_;
  std::unique_ptr<Elements> elements_;
  JsonRecordParser records_;
  bool takes_numbers_;
  bool named_;
  std::size_t done_ = 0;           // rows
  std::vector<std::string> keys_;  // of the used columns: quoted, with a colon
  std::string record_;
};

// Decodes one body.
class BodyDecoder {
 public:
  BodyDecoder(const RowReading& reading, std::string_view body)
      : reading_(reading), body_(body), cursor_(body) {}

  DecodedRequest decode() {
    DecodedRequest request;
    if (cursor_.peek() == '[') {
      request.rows = rows_of_list();
    } else if (cursor_.peek() == '{') {
      if (is_envelope()) {
        request = decode_envelope();
      } else {
        cursor_ = JsonCursor(body_);
        cursor_.value();
        request.rows = elements<SequenceElements>(body_);
        request.is_sequence = true;
      }
    } else {
      cursor_.fail("a list or an object");
    }
    if (cursor_.at_end()) return request;
    // Then the body is JSON Lines, or like them.
    const char c = cursor_.peek();
    if (c != '{' && c != '[') cursor_.fail("the end of the text");
    request = {};
    request.rows = elements<SequenceElements>(body_);
    request.is_sequence = true;
    return request;
  }

 private:
  template <typename Kind>
  std::unique_ptr<RequestRows> elements(std::string_view text) const {
    return std::make_unique<ElementRows>(reading_, std::make_unique<Kind>(text));
  }

  // Whether the object is one of TensorFlow Serving's, by its first key.
  bool is_envelope() {
    cursor_.expect('{');
    if (cursor_.peek() == '}') return false;
    const std::string key = cursor_.key();
    if (key != "instances" && key != "inputs" && key != kSignature) return false;
    const std::vector<InputColumn>& columns = reading_.options.preprocessor->columns();
    return !reading_.options.preprocessor->named() ||
           std::none_of(columns.begin(), columns.end(),
                        [&](const InputColumn& input) { return input.name == key; });
  }

  DecodedRequest decode_envelope() {
    DecodedRequest request;
    cursor_ = JsonCursor(body_);
    cursor_.expect('{');
    do {
      const std::string key = cursor_.key();
      const bool is_inputs = key == "inputs";
      if (key == kSignature) {
        cursor_.value();
      } else if ((is_inputs || key == "instances") && !request.rows) {
        if (is_inputs) request.answer_key = "outputs";
        request.rows = is_inputs && cursor_.peek() == '{' ? rows_of_named_input() : rows_of_list();
      } else {
        throw UserError(fmt::format(
            "{}: found the key {}. Expected \"instances\" or \"inputs\", one of them and once, and "
            "at most \"signature_name\" beside. Remove the key.",
            kBodyName, in_quotes(key)));
      }
    } while (cursor_.accept(','));
    cursor_.expect('}');
    if (request.rows) return request;
    throw UserError(
        fmt::format("{}: the object has no key \"instances\" or \"inputs\". Send rows as "
                    "{{\"instances\": [...]}}.",
                    kBodyName));
  }

  // {"name": X}
  std::unique_ptr<RequestRows> rows_of_named_input() {
    cursor_.expect('{');
    if (cursor_.peek() != '}') {
      cursor_.key();
      std::unique_ptr<RequestRows> rows = rows_of_list();
      if (cursor_.accept('}')) return rows;
    }
    throw UserError(
        fmt::format("{}: \"inputs\" is an object with other than one key. The model has one input: "
                    "expected {{\"inputs\": [...]}} or {{\"inputs\": {{\"name\": [...]}}}}. Send "
                    "columns by name as records: {{\"instances\": [{{...}}]}}.",
                    kBodyName));
  }

  std::unique_ptr<RequestRows> rows_of_list() {
    if (cursor_.peek() != '[') {
      throw UserError(fmt::format("{}: expected a list of rows, found {}. Send {}.", kBodyName,
                                  cursor_.found(), reading_.positions.expected()));
    }
    const char* const begin = cursor_.position();
    cursor_.expect('[');
    const char inner = cursor_.peek();
    cursor_.move_to(begin);
    if (inner == '{') return elements<ListElements>(cursor_.value());
    if (takes_numbers(reading_.options)) return rows_of_numbers();
    if (inner == ']') {
      throw UserError(
          fmt::format("{}: the list of rows is empty. Send at least one row.", kBodyName));
    }
    const std::string_view list = cursor_.value();
    if (inner == '[') return elements<ListElements>(list);
    return elements<SequenceElements>(list);  // one row
  }

  std::unique_ptr<RequestRows> rows_of_numbers() {
    Features rows;
    rows.width = reading_.positions.used();
    rows.floats.reserve(rows.width);
    const ListShape shape = read_numbers(cursor_, rows.floats, reading_.positions);
    // One of several rows, each by itself, is judged there.
    if (!cursor_.at_end() && (cursor_.peek() == '[' || cursor_.peek() == '{')) return nullptr;
    const PositionalRows::Reading found = reading_.positions.read(kBodyName, shape.view());
    reading_.positions.put_in_order(*found.order, rows.floats, 0);
    return std::make_unique<ReadRows>(std::move(rows));
  }

  const RowReading& reading_;
  std::string_view body_;
  JsonCursor cursor_;
};

}  // namespace

DecodedRequest decode_json(const RowReading& reading, std::string_view body) {
  return BodyDecoder(reading, body).decode();
}

DecodedRequest decode_json_lines(const RowReading& reading, std::string_view body) {
  DecodedRequest request;
  request.rows = std::make_unique<ElementRows>(reading, std::make_unique<LineElements>(body));
  request.is_sequence = true;
  return request;
}

}  // namespace mlp
