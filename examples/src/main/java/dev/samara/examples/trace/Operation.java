// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.trace;

import dev.samara.examples.record.MemoryCall;
import dev.samara.examples.record.Outcome;

/**
 * A memory call and what the kernel answered.
 *
 * @param line where it stands, counted from 1
 * @param sequence its number
 * @param thread who called
 * @param call what was called
 * @param outcome what the kernel answered
 * @param text the call as it was written, without its result
 */
public record Operation(int line, long sequence, int thread, MemoryCall call, Outcome outcome, String text)
        implements TraceEntry {}
