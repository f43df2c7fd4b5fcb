#include "model/metric.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <utility>

#include "model/predictions.h"

namespace mlp {
namespace {

constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kCalibrationBins = 15;

double ratio(double numerator, double denominator) {
  return denominator == 0 ? 0 : numerator / denominator;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// Decisions about one label: how often it is true, predicted, and both.
struct LabelCounts {
  double truth = 0;
  double predicted = 0;
  double hits = 0;

  void add(const LabelCounts& other) {
    truth += other.truth;
    predicted += other.predicted;
    hits += other.hits;
  }
};

// What follows from decisions alone.
struct Decisions {
  std::vector<LabelCounts> labels;  // or classes
  double right = 0;                 // rows; for kMultilabel decisions about a label
  double all_right = 0;             // rows
};

double precision(const LabelCounts& counts) { return ratio(counts.hits, counts.predicted); }
double recall(const LabelCounts& counts) { return ratio(counts.hits, counts.truth); }
double f1(const LabelCounts& counts) {
  return ratio(2 * counts.hits, counts.predicted + counts.truth);
}

using LabelScore = double (*)(const LabelCounts&);

double second(const Decisions& decisions, LabelScore score) {
  return decisions.labels.size() == 2 ? score(decisions.labels[1]) : kNotANumber;
}

double micro(const Decisions& decisions, LabelScore score) {
  LabelCounts all;
  for (const LabelCounts& label : decisions.labels) all.add(label);
  return score(all);
}

double macro(const Decisions& decisions, LabelScore score) {
  double sum = 0;
  for (const LabelCounts& label : decisions.labels) sum += score(label);
  return sum / static_cast<double>(decisions.labels.size());
}

double weighted(const Decisions& decisions, LabelScore score) {
  double sum = 0;
  double weights = 0;
  for (const LabelCounts& label : decisions.labels) {
    sum += label.truth * score(label);
    weights += label.truth;
  }
  return ratio(sum, weights);
}

// Over the classes that rows have.
double mean_recall(const Decisions& decisions) {
  std::vector<double> recalls;
  for (const LabelCounts& label : decisions.labels) {
    if (label.truth > 0) recalls.push_back(recall(label));
  }
  return mean(recalls);
}

// What follows from the order of the scores for one label.
struct Areas {
  double roc = kNotANumber;
  double precision_recall = 0;
};

// A score and whether the row has the label, in one number: the higher score comes first in their
// ascending order, and the lowest bit is the label. No score is NaN.
using Scored = std::uint64_t;

Scored scored(float score, bool has_label) {
  constexpr std::uint32_t kSign = 0x80000000U;
  const auto bits = std::bit_cast<std::uint32_t>(score + 0.0F);  // -0 equals 0
  const std::uint32_t descending = (bits & kSign) != 0 ? bits : ~bits & ~kSign;
  return std::uint64_t{descending} << 1 | (has_label ? 1U : 0U);
}

// Ascending, by three passes over a third of the 33 bits each; `spare` is of the same size.
void sort_scored(std::vector<Scored>& scores, std::vector<Scored>& spare) {
  constexpr unsigned kBits = 11;
  constexpr Scored kMask = (Scored{1} << kBits) - 1;
  for (unsigned shift = 0; shift < 3 * kBits; shift += kBits) {
    std::array<std::size_t, kMask + 1> places{};
    for (const Scored score : scores) ++places[score >> shift & kMask];
    std::exclusive_scan(places.begin(), places.end(), places.begin(), std::size_t{0});
    for (const Scored score : scores) spare[places[score >> shift & kMask]++] = score;
    scores.swap(spare);
  }
}

// The area under the ROC curve is the share of pairs, of a row with the label and a row without,
// that are in the right order; equal scores count half. That under the precision-recall curve is
// the sum over distinct scores of precision times gain in recall. The scores are sorted.
Areas areas(const std::vector<Scored>& scores) {
  const double all_positives = static_cast<double>(
      std::count_if(scores.begin(), scores.end(), [](Scored score) { return (score & 1) != 0; }));
  const double all_negatives = static_cast<double>(scores.size()) - all_positives;
  double positives = 0;  // so far
  double negatives = 0;
  double pairs = 0;
  double precisions = 0;
  for (std::size_t start = 0; start < scores.size();) {
    std::size_t end = start;
    double tied_positives = 0;
    for (; end < scores.size() && scores[end] >> 1 == scores[start] >> 1; ++end) {
      if ((scores[end] & 1) != 0) ++tied_positives;
    }
    const double tied_negatives = static_cast<double>(end - start) - tied_positives;
    positives += tied_positives;
    negatives += tied_negatives;
    pairs += tied_positives * (all_negatives - negatives + tied_negatives / 2);
    precisions += tied_positives * (positives / (positives + negatives));
    start = end;
  }
  Areas result;
  if (all_positives > 0 && all_negatives > 0) result.roc = pairs / (all_positives * all_negatives);
  result.precision_recall = ratio(precisions, all_positives);
  return result;
}

// The probability of "yes" or of a class, as the logarithm takes it.
double clipped(double probability) {
  return std::clamp(probability, static_cast<double>(FLT_EPSILON), 1.0 - FLT_EPSILON);
}

// How far confidence is from accuracy, of the decisions whose confidence is in one bin.
class CalibrationBins {
 public:
  void add(double confidence, bool right) {
    constexpr double kBins = kCalibrationBins;
    const double bin = std::clamp(std::floor(confidence * kBins), 0.0, kBins - 1);
    excess_[static_cast<std::size_t>(bin)] += confidence - (right ? 1 : 0);
    ++decisions_;
  }

  double error() const {
    double sum = 0;
    for (const double excess : excess_) sum += std::fabs(excess);
    return sum / decisions_;
  }

 private:
  std::array<double, kCalibrationBins> excess_{};
  double decisions_ = 0;
};

// The input, with what several metrics need worked out once.
class Judgement {
 public:
  explicit Judgement(const MetricInput& input) : input_(input) {
    const bool classes = has_classes(input.task);
    if (input.outputs == 0 || (input.task == Task::kBinary && input.outputs != 1) ||
        input.predictions.size() != rows() * input.outputs || input.top_k == 0 ||
        (classes && input.classes.size() != rows()) ||
        (!classes && input.targets.size() != input.predictions.size())) {
      throw std::logic_error("The parts of a MetricInput don't fit each other.");
    }
  }

  std::size_t rows() const { return input_.rows(); }

  bool defined() const {
    return rows() > 0 && std::none_of(input_.predictions.begin(), input_.predictions.end(),
                                      [](float value) { return std::isnan(value); });
  }

  const Decisions& decisions() {
    if (!decisions_) decisions_ = has_classes(input_.task) ? decide_classes() : decide_labels();
    return *decisions_;
  }

  double accuracy() {
    const std::size_t per_row = input_.task == Task::kMultilabel ? input_.outputs : 1;
    return decisions().right / static_cast<double>(rows() * per_row);
  }

  double subset_accuracy() { return decisions().all_right / static_cast<double>(rows()); }

  double top_k_accuracy() {
    const std::size_t classes = this->classes();
    if (input_.top_k >= classes) return 1;
    if (classes == 2) return accuracy();
    double hits = 0;
    for (std::size_t row = 0; row < rows(); ++row) {
      const float* const scores = this->row(row);
      const std::size_t truth = class_of(row);
      std::size_t before = 0;  // classes that are ranked above the true one
      for (std::size_t c = 0; c < classes; ++c) {
        if (scores[c] > scores[truth] || (scores[c] == scores[truth] && c > truth)) ++before;
      }
      if (before < input_.top_k) ++hits;
    }
    return hits / static_cast<double>(rows());
  }

  double auc() {
    std::vector<double> defined;
    for (const Areas& label : label_areas()) {
      if (!std::isnan(label.roc)) defined.push_back(label.roc);
    }
    return mean(defined);
  }

  double auc_pr() {
    std::vector<double> values;
    for (const Areas& label : label_areas()) values.push_back(label.precision_recall);
    return mean(values);
  }

  double log_loss() const {
    double sum = 0;
    if (input_.task == Task::kClassification) {
      for (std::size_t i = 0; i < rows(); ++i) {
        sum -= std::log(clipped(static_cast<double>(row(i)[class_of(i)])));
      }
      return sum / static_cast<double>(rows());
    }
    for_each_yes_or_no([&](double probability, bool truth) {
      sum -= std::log(clipped(truth ? probability : 1 - probability));
    });
    return sum / static_cast<double>(input_.predictions.size());
  }

  double brier() const {
    const auto squared_distance = [](double probability, bool truth) {
      const double distance = probability - (truth ? 1 : 0);
      return distance * distance;
    };
    double sum = 0;
    if (input_.task == Task::kClassification) {
      const std::size_t first = first_scored_class();
      for (std::size_t i = 0; i < rows(); ++i) {
        for (std::size_t c = first; c < input_.outputs; ++c) {
          sum += squared_distance(static_cast<double>(row(i)[c]), class_of(i) == c);
        }
      }
      return sum / static_cast<double>(rows());
    }
    for_each_yes_or_no(
        [&](double probability, bool truth) { sum += squared_distance(probability, truth); });
    return sum / static_cast<double>(input_.predictions.size());
  }

  double calibration_error() const {
    CalibrationBins bins;
    if (input_.task == Task::kClassification) {
      for (std::size_t i = 0; i < rows(); ++i) {
        const auto predicted =
            static_cast<std::size_t>(predicted_class(input_.task, row(i), input_.outputs));
        bins.add(static_cast<double>(row(i)[predicted]), predicted == class_of(i));
      }
    } else {
      for_each_yes_or_no([&](double probability, bool truth) {
        const bool predicted = probability > 0.5;
        bins.add(predicted ? probability : 1 - probability, predicted == truth);
      });
    }
    return bins.error();
  }

  // The mean over the targets.
  double error(double RegressionReport::*which) {
    if (reports_.empty()) {
      for (std::size_t output = 0; output < input_.outputs; ++output) {
        std::vector<float> truth;
        std::vector<float> predicted;
        for (std::size_t i = 0; i < rows(); ++i) {
          truth.push_back(input_.targets[i * input_.outputs + output]);
          predicted.push_back(row(i)[output]);
        }
        reports_.push_back(regression_report(truth, predicted));
      }
    }
    double sum = 0;
    for (const RegressionReport& report : reports_) sum += report.*which;
    return sum / static_cast<double>(reports_.size());
  }

  ConfusionMatrix confusion() const {
    ConfusionMatrix matrix;
    matrix.classes = classes();
    if (matrix.classes > kMostConfusedClasses) return matrix;
    matrix.counts.resize(matrix.classes * matrix.classes);
    for (std::size_t i = 0; i < rows(); ++i) {
      ++matrix.counts[class_of(i) * matrix.classes + predicted(i)];
    }
    return matrix;
  }

 private:
  const float* row(std::size_t index) const {
    return input_.predictions.data() + index * input_.outputs;
  }

  std::size_t classes() const { return input_.task == Task::kBinary ? 2 : input_.outputs; }

  std::size_t class_of(std::size_t row) const {
    const auto result = static_cast<std::size_t>(input_.classes[row]);
    assert(result < classes());
    return result;
  }

  std::size_t predicted(std::size_t index) const {
    return static_cast<std::size_t>(predicted_class(input_.task, row(index), input_.outputs));
  }

  // Of two classes, the second one's probability tells all.
  std::size_t first_scored_class() const {
    return input_.task == Task::kClassification && input_.outputs == 2 ? 1 : 0;
  }

  bool has_label(std::size_t index, std::size_t output) const {
    if (input_.task == Task::kMultilabel)
      return input_.targets[index * input_.outputs + output] > 0.5F;
    return class_of(index) == (input_.task == Task::kBinary ? 1 : output);
  }

  // Calls visit(probability, truth) for every output of every row: kBinary and kMultilabel.
  template <typename Visit>
  void for_each_yes_or_no(Visit visit) const {
    for (std::size_t i = 0; i < rows(); ++i) {
      for (std::size_t output = 0; output < input_.outputs; ++output) {
        visit(static_cast<double>(row(i)[output]), has_label(i, output));
      }
    }
  }

  Decisions decide_classes() const {
    Decisions result;
    result.labels.resize(classes());
    for (std::size_t i = 0; i < rows(); ++i) {
      const std::size_t truth = class_of(i);
      const std::size_t seems = predicted(i);
      ++result.labels[truth].truth;
      ++result.labels[seems].predicted;
      if (truth != seems) continue;
      ++result.labels[truth].hits;
      ++result.right;
    }
    result.all_right = result.right;
    return result;
  }

  Decisions decide_labels() const {
    Decisions result;
    result.labels.resize(input_.outputs);
    for (std::size_t i = 0; i < rows(); ++i) {
      std::size_t right = 0;
      for (std::size_t label = 0; label < input_.outputs; ++label) {
        LabelCounts& counts = result.labels[label];
        const bool truth = has_label(i, label);
        const bool seems = row(i)[label] > 0.5F;
        if (truth) ++counts.truth;
        if (seems) ++counts.predicted;
        if (truth && seems) ++counts.hits;
        if (truth == seems) ++right;
      }
      result.right += static_cast<double>(right);
      if (right == input_.outputs) ++result.all_right;
    }
    return result;
  }

  const std::vector<Areas>& label_areas() {
    if (!areas_.empty()) return areas_;
    std::vector<Scored> scores(rows());
    std::vector<Scored> spare(rows());
    for (std::size_t output = first_scored_class(); output < input_.outputs; ++output) {
      for (std::size_t i = 0; i < rows(); ++i)
        scores[i] = scored(row(i)[output], has_label(i, output));
      sort_scored(scores, spare);
      areas_.push_back(areas(scores));
    }
    return areas_;
  }

  const MetricInput& input_;
  std::optional<Decisions> decisions_;
  std::vector<Areas> areas_;
  std::vector<RegressionReport> reports_;
};

struct Metric {
  MetricInfo info;
  double (*compute)(Judgement&);
};

const std::vector<Metric>& metrics() {
  using J = Judgement;
  using R = RegressionReport;
  static const std::vector<Task> classes = {Task::kClassification, Task::kBinary};
  static const std::vector<Task> several = {Task::kMultilabel};
  static const std::vector<Task> labels = {Task::kClassification, Task::kBinary, Task::kMultilabel};
  static const std::vector<Task> numbers = {Task::kRegression};
  const auto share = [](std::string_view name, const std::vector<Task>& tasks,
                        std::string_view help) {
    return MetricInfo{name, tasks, false, false, true, help};
  };
  const auto share_of_second = [](std::string_view name, std::string_view help) {
    return MetricInfo{name, classes, true, false, true, help};
  };
  const auto error = [](std::string_view name, const std::vector<Task>& tasks,
                        std::string_view help) {
    return MetricInfo{name, tasks, false, false, false, help};
  };
  static const std::vector<Metric> table = {
      {share(
           "accuracy", labels,
           "share of rows whose most probable class is the true one (accuracy_score); multilabel: "
           "share of labels that are right (Keras's BinaryAccuracy)"),
       [](J& j) { return j.accuracy(); }},
      {share("balanced_accuracy", classes,
             "mean recall of the classes that rows have (balanced_accuracy_score)"),
       [](J& j) { return mean_recall(j.decisions()); }},
      {share("top_k_accuracy", classes,
             "share of rows whose true class is among the `top_k` (5) most probable "
             "(top_k_accuracy_score)"),
       [](J& j) { return j.top_k_accuracy(); }},
      {share("subset_accuracy", several,
             "share of rows with every label right (accuracy_score of a label matrix)"),
       [](J& j) { return j.subset_accuracy(); }},
      {share_of_second("precision",
                       "share of the rows predicted as the second class that are of it "
                       "(precision_score)"),
       [](J& j) { return second(j.decisions(), precision); }},
      {share_of_second("recall",
                       "share of the second class's rows that are predicted as it (recall_score)"),
       [](J& j) { return second(j.decisions(), recall); }},
      {share_of_second("f1", "harmonic mean of precision and recall (f1_score)"),
       [](J& j) { return second(j.decisions(), f1); }},
      {share("precision_micro", labels,
             "precision over the decisions about all labels (precision_score, average=\"micro\")"),
       [](J& j) { return micro(j.decisions(), precision); }},
      {share("precision_macro", labels,
             "mean over the labels of precision (precision_score, average=\"macro\")"),
       [](J& j) { return macro(j.decisions(), precision); }},
      {share("precision_weighted", labels,
             "mean over the labels of precision, weighted by their true rows (precision_score, "
             "average=\"weighted\")"),
       [](J& j) { return weighted(j.decisions(), precision); }},
      {share("recall_micro", labels,
             "recall over the decisions about all labels (recall_score, average=\"micro\")"),
       [](J& j) { return micro(j.decisions(), recall); }},
      {share("recall_macro", labels,
             "mean over the labels of recall (recall_score, average=\"macro\")"),
       [](J& j) { return macro(j.decisions(), recall); }},
      {share("recall_weighted", labels,
             "mean over the labels of recall, weighted by their true rows (recall_score, "
             "average=\"weighted\")"),
       [](J& j) { return weighted(j.decisions(), recall); }},
      {share("f1_micro", labels,
             "f1 over the decisions about all labels (f1_score, average=\"micro\")"),
       [](J& j) { return micro(j.decisions(), f1); }},
      {share("f1_macro", labels, "mean over the labels of f1 (f1_score, average=\"macro\")"),
       [](J& j) { return macro(j.decisions(), f1); }},
      {share("f1_weighted", labels,
             "mean over the labels of f1, weighted by their true rows (f1_score, "
             "average=\"weighted\")"),
       [](J& j) { return weighted(j.decisions(), f1); }},
      {share("auc", labels,
             "area under the ROC curve of the second class; more classes: mean of each against the "
             "rest; multilabel: mean over the labels (roc_auc_score, multi_class=\"ovr\")"),
       [](J& j) { return j.auc(); }},
      {share("auc_pr", labels,
             "area under the precision-recall curve, as average precision; several classes or "
             "labels as for auc (average_precision_score)"),
       [](J& j) { return j.auc_pr(); }},
      {error("log_loss", labels,
             "mean of -log(probability of the true class) (log_loss); multilabel: mean over rows "
             "and labels (Keras's BinaryCrossentropy)"),
       [](J& j) { return j.log_loss(); }},
      {error("brier", labels,
             "mean squared distance of the second class's probability from 0 or 1; more classes: "
             "sum over the classes; multilabel: mean over rows and labels (brier_score_loss)"),
       [](J& j) { return j.brier(); }},
      {error("calibration_error", labels,
             "expected calibration error: mean distance of the predicted label's probability from "
             "its accuracy, in 15 bins of equal width (Guo et al. 2017)"),
       [](J& j) { return j.calibration_error(); }},
      {error("mse", numbers, "mean squared error (mean_squared_error)"),
       [](J& j) { return j.error(&R::mse); }},
      {error("rmse", numbers, "root of the mean squared error (root_mean_squared_error)"),
       [](J& j) { return j.error(&R::rmse); }},
      {error("mae", numbers, "mean absolute error (mean_absolute_error)"),
       [](J& j) { return j.error(&R::mae); }},
      {error("mape", numbers,
             "mean absolute error as a share of the true value: 0.1 is 10 % "
             "(mean_absolute_percentage_error)"),
       [](J& j) { return j.error(&R::mape); }},
      {{"r2", numbers, false, true, true,
        "share of the target's variance that is explained; below 0: worse than the mean "
        "(r2_score)"},
       [](J& j) { return j.error(&R::r2); }},
  };
  return table;
}

}  // namespace

const std::vector<MetricInfo>& metric_table() {
  static const std::vector<MetricInfo> table = [] {
    std::vector<MetricInfo> infos;
    for (const Metric& metric : metrics()) infos.push_back(metric.info);
    return infos;
  }();
  return table;
}

const MetricInfo* find_metric(std::string_view name) {
  const auto found = std::ranges::find(metric_table(), name, &MetricInfo::name);
  return found == metric_table().end() ? nullptr : &*found;
}

bool has_metric(Task task, std::size_t outputs, const MetricInfo& metric) {
  const bool more_classes = task == Task::kClassification && outputs > 2;
  return std::ranges::find(metric.tasks, task) != metric.tasks.end() &&
         !(metric.two_classes_only && more_classes);
}

std::vector<std::string> metrics_of(Task task, std::size_t outputs) {
  std::vector<std::string> names;
  for (const MetricInfo& metric : metric_table()) {
    if (has_metric(task, outputs, metric)) names.emplace_back(metric.name);
  }
  return names;
}

std::vector<double> compute_metrics(std::span<const std::string> names, const MetricInput& input) {
  Judgement judgement(input);
  const bool defined = judgement.defined();
  std::vector<double> values;
  for (const std::string& name : names) {
    const auto metric = std::ranges::find_if(
        metrics(), [&](const Metric& candidate) { return candidate.info.name == name; });
    if (metric == metrics().end() ||
        std::ranges::find(metric->info.tasks, input.task) == metric->info.tasks.end()) {
      throw std::logic_error(fmt::format("The task has no metric \"{}\".", name));
    }
    values.push_back(defined ? metric->compute(judgement) : kNotANumber);
  }
  return values;
}

double compute_metric(std::string_view name, const MetricInput& input) {
  const std::string names[] = {std::string(name)};
  return compute_metrics(names, input).front();
}

ConfusionMatrix confusion_matrix(const MetricInput& input) { return Judgement(input).confusion(); }

RegressionReport regression_report(std::span<const float> truth, std::span<const float> predicted) {
  const double rows = static_cast<double>(truth.size());
  const double first = static_cast<double>(truth[0]);
  double squared = 0;
  double absolute = 0;
  double relative = 0;
  double offset = 0;  // from the first value, so that the mean of equal values is exact
  for (std::size_t row = 0; row < truth.size(); ++row) {
    const double value = static_cast<double>(truth[row]);
    const double error = static_cast<double>(predicted[row]) - value;
    squared += error * error;
    absolute += std::fabs(error);
    relative += std::fabs(error) / std::max(std::fabs(value), DBL_EPSILON);
    offset += value - first;
  }
  const double mean = first + offset / rows;
  double total = 0;
  for (const float value : truth) {
    const double distance = static_cast<double>(value) - mean;
    total += distance * distance;
  }
  return {squared / rows, std::sqrt(squared / rows), absolute / rows, relative / rows,
          truth.size() < 2 ? kNotANumber : r2_score(squared, total)};
}

double r2_score(double residual, double total) {
  if (total == 0) return residual == 0 ? 1 : 0;
  return 1 - residual / total;
}

}  // namespace mlp
