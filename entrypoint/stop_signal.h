#pragma once

namespace mlp {

// From now on SIGTERM and SIGINT ask for a stop, and a second one ends the process at once.
// Handlers are installed because process 1 of a container has no default action for them. Call
// once, before threads are made.
void install_stop_signals();

// Whether a stop was asked for. Threads: any.
bool stop_requested();

// How long ago the stop was asked for; 0 where none was. Threads: any.
double seconds_since_stop();

}  // namespace mlp
