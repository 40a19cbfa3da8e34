// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

import java.time.Duration;
import java.util.List;

/**
 * A CPU that has not acknowledged for long what was taken away, as it was when somebody who waits for it looked.
 *
 * @param cpu its number, as {@code Cpu.number} has it
 * @param thread its owner
 * @param stack where the thread was; empty if it has ended
 * @param context the number of the space's context, which no other space ever has: several requests of one space have
 *     it in common
 * @param generation of the context, up to which the CPU is to be flushed
 * @param waited how long he who asks has waited by now
 */
public record StalledCpu(
        int cpu, Thread thread, List<StackTraceElement> stack, long context, long generation, Duration waited) {}
