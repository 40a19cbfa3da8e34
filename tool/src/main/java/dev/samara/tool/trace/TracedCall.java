// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.trace;

import dev.samara.tool.record.MemoryCall;
import dev.samara.tool.record.Outcome;

/**
 * A memory call and the kernel's result.
 *
 * @param line its line, counted from 1
 * @param sequence its sequence number
 * @param thread the ID of the calling thread
 * @param call the call
 * @param outcome the kernel's result
 * @param text the text of the call in the trace, without its result
 */
public record TracedCall(int line, long sequence, int thread, MemoryCall call, Outcome outcome, String text)
        implements TraceEntry {}
