#include <doctest/doctest.h>
#include <libdeflate.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "test/support/temp_directory.h"
#include "test/system/made_data.h"
#include "test/system/mlp_program.h"

// Tables as people have them: text, gaps and quotes, in training as in prediction.

namespace mlp::test {
namespace {

namespace fs = std::filesystem;
using Row = std::vector<std::string>;

// The columns of made rows: a number with gaps, a category with gaps and a comma in it, a text of
// its own in every row, a date, a boolean, a category of many values, a constant, and the target.
const Row kNames = {"age", "job", "name", "since", "member", "town", "unit", "bought"};
constexpr std::size_t kMember = 4;
constexpr std::size_t kTarget = 7;

std::vector<Row> make_rows(std::size_t count) {
  std::mt19937 random(7);
  std::vector<Row> rows;
  for (std::size_t i = 0; i < count; ++i) {
    const auto draw = [&](std::uint32_t n) { return random() % n; };
    const auto age = static_cast<std::uint32_t>(18 + draw(60));
    const std::vector<std::string> jobs = {"clerk", "cook, chief", "smith", "NA"};
    const std::string& job = jobs[draw(4)];
    const bool bought = age + (job == "clerk" ? 30 : 0) + draw(20) > 70;
    rows.push_back({draw(10) == 0 ? "" : std::to_string(age), job, "person " + std::to_string(i),
                    std::to_string(2000 + draw(20)) + "-0" + std::to_string(1 + draw(9)) + "-1" +
                        std::to_string(draw(10)),
                    draw(2) == 0 ? "yes" : "no", "town" + std::to_string(draw(90)), "kg",
                    bought ? "yes" : "no"});
  }
  return rows;
}

struct Style {
  std::string delimiter = ",";
  std::string line_end = "\n";
  bool quotes_all = false;
  std::vector<std::size_t> columns = {0, 1, 2, 3, 4, 5, 6, 7};  // their order
};

std::string to_csv(const std::vector<Row>& rows, const Style& style = {}) {
  std::string text;
  const auto add = [&](const Row& row) {
    for (std::size_t i = 0; i < style.columns.size(); ++i) {
      const std::string& field = row[style.columns[i]];
      const bool quoted = style.quotes_all || field.find(',') != std::string::npos;
      text += (i == 0 ? "" : style.delimiter) + (quoted ? '"' + field + '"' : field);
    }
    text += style.line_end;
  };
  add(kNames);
  for (const Row& row : rows) add(row);
  return text;
}

std::string gzip(const std::string& text) {
  const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor(
      libdeflate_alloc_compressor(6), &libdeflate_free_compressor);
  std::string bytes(libdeflate_gzip_compress_bound(compressor.get(), text.size()), '\0');
  bytes.resize(libdeflate_gzip_compress(compressor.get(), text.data(), text.size(), bytes.data(),
                                        bytes.size()));
  return bytes;
}

// Trains on ./data of the folder, and gives the bytes of the model.
std::string train(const TempDirectory& folder, Arguments more = {}) {
  Arguments arguments = {"train", "--target", "bought", "--epochs", "1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  run_well(native(folder.path(), arguments));
  return read_bytes(folder / "model/model.h5");
}

std::string predict(const TempDirectory& folder, const std::string& name, const std::string& bytes,
                    Arguments more = {}) {
  folder.write(name, bytes);
  Arguments arguments = {"predict", "--input", name};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_well(native(folder.path(), arguments)).out;
}

}  // namespace

TEST_SUITE("system/tables") {
  TEST_CASE("mlp train: the same rows in any form of CSV give the same bytes") {
    const std::vector<Row> rows = make_rows(700);
    const TempDirectory plain;
    plain.write("data/rows.csv", to_csv(rows));
    const std::string expected = train(plain);

    const auto check = [&](const char* name,
                           const std::vector<std::pair<std::string, std::string>>& files) {
      CAPTURE(name);
      const TempDirectory folder;
      for (const auto& [file, bytes] : files) folder.write("data/" + file, bytes);
      CHECK(train(folder) == expected);
    };
    Style shuffled;
    shuffled.columns = {5, 7, 1, 0, 6, 3, 2, 4};
    check("shuffled columns", {{"rows.csv", to_csv(rows, shuffled)}});
    check("CRLF", {{"rows.csv", to_csv(rows, {.line_end = "\r\n"})}});
    check("quoted throughout", {{"rows.csv", to_csv(rows, {.quotes_all = true})}});
    check("semicolons", {{"rows.csv", to_csv(rows, {.delimiter = ";"})}});
    check("gzip", {{"rows.csv.gz", gzip(to_csv(rows))}});
    check("a byte order mark, and no last line end",
          {{"rows.csv", "\xEF\xBB\xBF" + to_csv(rows).substr(0, to_csv(rows).size() - 1)}});
    std::vector<std::pair<std::string, std::string>> parts;
    for (std::size_t i = 0; i < 7; ++i) {
      const auto at = [&](std::size_t part) {
        return rows.begin() + static_cast<std::ptrdiff_t>(part * rows.size() / 7);
      };
      Style style = i % 2 == 0 ? Style() : shuffled;
      style.quotes_all = i == 3;
      parts.emplace_back("part-" + std::to_string(i) + ".csv",
                         to_csv(std::vector<Row>(at(i), at(i + 1)), style));
    }
    check("seven files", parts);
  }

  TEST_CASE("mlp train: a table of nothing but numbers has the same bytes in any form too") {
    const std::string header = "b,y,a\n";
    std::string rows = header;
    std::string shuffled = "a,b,y\r\n";
    for (int i = 0; i < 300; ++i) {
      const std::string a = std::to_string(i * 7919 % 1000 / 10.0);
      const std::string b = std::to_string(i * 104729 % 500);
      rows += b + "," + std::to_string(i % 2) + "," + a + "\n";
      shuffled += "\"" + a + "\"," + b + "," + std::to_string(i % 2) + "\r\n";
    }
    const TempDirectory one;
    one.write("data/rows.csv", rows);
    const TempDirectory other;
    other.write("data/rows.csv", shuffled);
    const Arguments arguments = {"train", "--target", "y", "--epochs", "1"};
    run_well(native(one.path(), arguments));
    run_well(native(other.path(), arguments));
    CHECK(read_bytes(one / "model/model.h5") == read_bytes(other / "model/model.h5"));
    // Rows without header stand as in the training file of each.
    one.write("rows.csv", "5,6\n");
    other.write("rows.csv", "6,5\n");
    const Arguments predicting = {"predict", "--input", "rows.csv"};
    CHECK(run_well(native(one.path(), predicting)).out ==
          run_well(native(other.path(), predicting)).out);
  }

  TEST_CASE("mlp predict: rows in any form get the same predictions as in training") {
    const std::vector<Row> rows = make_rows(400);
    const TempDirectory folder;
    folder.write("data/rows.csv", to_csv(rows));
    folder.write("test/rows.csv", to_csv(rows));
    train(folder, {"--test", "test"});
    const std::string expected = predict(folder, "rows.csv", to_csv(rows));
    CHECK(lines_of(expected).size() == 401);
    CHECK(lines_of(expected)[0] == "label,probability_no,probability_yes");

    // The labels of the report on the same rows.
    const std::vector<std::string> judged = lines_of(read_bytes(folder / "output/prediction.csv"));
    REQUIRE(judged.size() == 400);
    for (std::size_t i = 0; i < judged.size(); ++i) {
      const std::string label = judged[i].substr(judged[i].find(',') + 1);
      CHECK(lines_of(expected)[i + 1].starts_with(label + ","));
    }

    Style style;
    style.columns = {6, 5, 4, 3, 2, 1, 0};
    CHECK(predict(folder, "no-target.csv", to_csv(rows, style)) == expected);
    style.columns = {5, 4, 3, 1, 0};  // without those that are left out
    CHECK(predict(folder, "used.csv", to_csv(rows, style)) == expected);
    style.columns = {0, 1, 2, 3, 4, 5, 6};
    std::string text = to_csv(rows, style);
    text.erase(0, text.find('\n') + 1);
    CHECK(predict(folder, "no-header.csv", text) == expected);
    text = to_csv(rows);
    text.erase(0, text.find('\n') + 1);
    CHECK(predict(folder, "label.csv", text, {"--label_size", "1"}) == expected);

    std::string records;
    for (const Row& row : rows) {
      records += "{";
      for (std::size_t i = 0; i < kTarget; ++i) {
        const bool is_null = row[i].empty() || row[i] == "NA";
        const bool bare = i == 0;
        records += (i == 0 ? "\"" : ", \"") + kNames[i] + "\": " +
                   (is_null ? "null"
                    : bare  ? row[i]
                            : "\"" + row[i] + "\"");
      }
      records += "}\n";
    }
    CHECK(predict(folder, "records.jsonl", records) == expected);

    // One row alone, gaps and unseen values included, has an answer.
    CHECK(lines_of(predict(folder, "one.json",
                           R"({"age": null, "job": "pilot", "since": null, "member": "no",
                               "town": null})"))
              .size() == 2);
  }

  TEST_CASE("mlp predict: columns that are missing, unknown or can't be are named") {
    const TempDirectory folder;
    folder.write("data/rows.csv", to_csv(make_rows(300)));
    train(folder);
    const auto complaint = [&](const std::string& name, const std::string& bytes) {
      folder.write(name, bytes);
      const ProgramEnd end = run_program(native(folder.path(), {"predict", "--input", name}));
      CHECK(end.exit_code == 1);
      return end.err;
    };
    const auto has = [](const std::string& text, const std::string& part) {
      CAPTURE(text);
      CHECK(text.find(part) != std::string::npos);
    };
    has(complaint("a.csv", "age,job,since,member\n30,smith,2001-01-11,no\n"),
        "a.csv, line 1: the column \"town\" is missing");
    has(complaint("b.csv", "age,job,since,member,town,pet\n30,smith,2001-01-11,no,x,dog\n"),
        "column 6: the model knows no column \"pet\"");
    has(complaint("c.csv", "age,job,since,member,town\nold,smith,2001-01-11,no,x\n"),
        "c.csv, line 2, column 1 (\"age\"): expected a number, found \"old\"");
    has(complaint("d.csv", "age,job,since,member,town\n30,smith,1/2/2003,no,x\n"),
        "d.csv, line 2, column 3 (\"since\"): expected a date");
    has(complaint("e.json", R"([{"age": 30, "job": "smith", "since": null, "member": "no"}])"),
        "\"town\"");
  }

  TEST_CASE("mlp predict: a columns.json that is damaged or another model's is told") {
    const TempDirectory folder;
    folder.write("data/rows.csv", to_csv(make_rows(300)));
    train(folder);
    const std::string row = "30,smith,a,2001-01-11,no,town1,kg\n";
    predict(folder, "rows.csv", row);
    for (const char* bytes :
         {"{\"columns\": [\"age\", \"job\"]}", "{", "{\"columns\": 7}",
          R"({"columns": ["age", "job", "name", "since", "member", "town", "unit", "age"]})"}) {
      CAPTURE(bytes);
      folder.write("model/columns.json", bytes);
      const ProgramEnd end = run_program(native(folder.path(), {"predict", "--input", "rows.csv"}));
      CHECK(end.exit_code == 1);
      CHECK(end.err.find("columns.json") != std::string::npos);
    }
    fs::remove(folder / "model/columns.json");
    const ProgramEnd end = run_program(native(folder.path(), {"predict", "--input", "rows.csv"}));
    CHECK(end.exit_code == 1);
    CHECK(end.err.find("columns.json is not beside the model") != std::string::npos);
  }

  TEST_CASE("mlp train: what is learned about columns comes from the training rows alone") {
    // The last rows are for validation: their town is unseen, their age beyond all others.
    std::vector<Row> rows = make_rows(400);
    const TempDirectory folder;
    folder.write("data/rows.csv", to_csv(rows));
    const std::string expected = train(folder);
    for (Row& row : rows) row = {"9999", "pilot", "x", "1900-01-01", "no", "far", "kg", "no"};
    folder.write("validation/rows.csv", to_csv(rows));
    const TempDirectory other;
    fs::copy(folder / "data", other / "data", fs::copy_options::recursive);
    fs::copy(folder / "validation", other / "validation", fs::copy_options::recursive);
    train(other, {"--validation", "validation"});
    predict(folder, "rows.csv", to_csv(make_rows(50)));
    predict(other, "rows.csv", to_csv(make_rows(50)));
    const Arguments encoded = {"predict", "--input", "rows.csv", "--encoded"};
    CHECK(run_well(native(folder.path(), encoded)).out ==
          run_well(native(other.path(), encoded)).out);
  }

  TEST_CASE("mlp train: rows without target are told by their numbers, or left out") {
    std::vector<Row> rows = make_rows(300);
    const TempDirectory whole;
    whole.write("data/rows.csv", to_csv(rows));
    const std::string expected = train(whole);
    Row without = rows[5];
    without[kTarget] = "";
    without[kMember] = "yes";
    rows.insert(rows.begin() + 2, without);
    rows.push_back(without);
    const TempDirectory folder;
    folder.write("data/rows.csv", to_csv(rows));
    const ProgramEnd end =
        run_program(native(folder.path(), {"train", "--target", "bought", "--epochs", "1"}));
    CHECK(end.exit_code == 1);
    CHECK(end.err.find("the target is missing in 2 of 302 rows: rows 3, 302") != std::string::npos);
    const ProgramEnd done =
        run_well(native(folder.path(), {"train", "--target", "bought", "--epochs", "1",
                                        "--drop_missing_target", "true"}));
    CHECK(done.err.find("left out 2 of 302 rows") != std::string::npos);
    const Arguments predicting = {"predict", "--input", "data/rows.csv"};
    whole.write("data/rows.csv", to_csv(rows));
    CHECK(run_well(native(folder.path(), predicting)).out ==
          run_well(native(whole.path(), predicting)).out);
  }

  TEST_CASE("docs/data.md: the worked example is what the program does") {
    const std::vector<std::string> page =
        lines_of(read_bytes(fs::path(MLP_SOURCE_DIR) / "docs/data.md"));
    const auto at = [&](const std::string& start) {
      const auto found = std::find_if(page.begin(), page.end(), [&](const std::string& line) {
        return line.starts_with(start);
      });
      REQUIRE(found != page.end());
      return static_cast<std::size_t>(found - page.begin());
    };
    std::string csv;
    for (std::size_t i = at("bought,age,job,since"); page[i] != "```"; ++i) csv += page[i] + "\n";
    const TempDirectory folder;
    folder.write("rows.csv", csv);
    run_well(native(folder.path(), {"train", "--train", "rows.csv", "--target", "bought"}));
    const std::vector<std::string> encoded = lines_of(
        run_well(native(folder.path(), {"predict", "--input", "rows.csv", "--encoded"})).out);
    REQUIRE(encoded.size() == 5);
    // "| a | b |" as fields.
    const auto cells = [](const std::string& row) {
      std::vector<std::string> fields;
      for (std::size_t begin = 2; begin < row.size();) {
        const std::size_t end = row.find(" |", begin);
        fields.push_back(row.substr(begin, end - begin));
        begin = end + 3;
      }
      return fields;
    };
    const std::size_t table = at("| age | since=year |");
    std::string header;
    for (const std::string& name : cells(page[table])) header += (header.empty() ? "" : ",") + name;
    CHECK(encoded[0] == header);
    for (std::size_t row = 0; row < 4; ++row) {
      std::vector<std::string> values;
      std::string value;
      for (const char c : encoded[row + 1] + ",") {
        if (c == ',') {
          values.push_back(std::exchange(value, ""));
        } else {
          value += c;
        }
      }
      const std::vector<std::string> shown = cells(page[table + 2 + row]);
      REQUIRE(shown.size() == values.size());
      for (std::size_t i = 0; i < shown.size(); ++i) {
        CAPTURE(i);
        CHECK(std::fabs(std::stod(values[i]) - std::stod(shown[i])) < 0.0006);  // three decimals
      }
    }
  }

  TEST_CASE("mlp train: features, ignore, column_types and missing_values choose what is learned") {
    const TempDirectory folder;
    folder.write("data/rows.csv", to_csv(make_rows(300)));
    const auto header = [&](Arguments more) {
      more.insert(more.begin(), {"--max_one_hot", "20"});
      train(folder, more);
      return lines_of(predict(folder, "rows.csv", to_csv(make_rows(3)), {"--encoded"}))[0];
    };
    CHECK(header({"--features", "job,age"}) ==
          "age,age=missing,job=clerk,\"job=cook, chief\",job=smith,job=missing");
    CHECK(header({"--ignore", "since,town,member,job"}) == "age,age=missing");
    CHECK(header({"--features", "job,age", "--missing_values", "smith"}) ==
          "age,age=missing,job=NA,job=clerk,\"job=cook, chief\",job=missing");
    CHECK(header({"--features", "member,town", "--column_types", "member=category"}) ==
          "member=no,member=yes,town");
    CHECK(header({"--features", "member", "--scaling", "none"}) == "member=yes");
  }
}

}  // namespace mlp::test
