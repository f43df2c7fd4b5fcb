#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "model/schema.h"
#include "model/weights.h"
#include "runtime/sagemaker/hyperparameters.h"
#include "runtime/training/metric_log.h"
#include "runtime/training/trainer.h"

namespace mlp {

// By Keras's name.
std::string_view loss_name(Loss loss);

// Throws UserError where the CPU lacks the precision that is asked for.
void check_precision(const Hyperparameters& hyperparameters);

MetricStyle metric_style(const Hyperparameters& hyperparameters);

// What the trainer does about these hyperparameters and so many training rows. `validates`: there
// are validation rows. What has no effect on the task at hand becomes a note. Throws UserError for
// a loss that does not suit the task, for metrics that it does not have, and for early stopping by
// a metric that no epoch will have.
TrainerConfig trainer_config(const Hyperparameters& hyperparameters, const Schema& schema,
                             std::vector<EmbeddingConfig> embeddings, std::size_t training_rows,
                             bool validates, std::size_t num_threads,
                             std::vector<std::string>& notes);

}  // namespace mlp
