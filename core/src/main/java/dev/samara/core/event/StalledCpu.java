// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

import dev.samara.core.annotation.Experimental;
import java.time.Duration;
import java.util.List;

/**
 * A CPU that has not acknowledged a shootdown for a long time, in the state that a waiting thread observed.
 *
 * @param cpu number of the CPU, as {@code Cpu.number} returns it
 * @param thread the owner of the CPU at that time; it may have handed the CPU over since
 * @param stack the stack of that thread; empty if the thread has ended
 * @param context number of the space's context, which no other space ever uses; all requests of one space carry this
 *     number
 * @param generation the generation of the context up to which the CPU should flush
 * @param waited how long the requesting thread has waited so far
 */
@Experimental
public record StalledCpu(
        int cpu, Thread thread, List<StackTraceElement> stack, long context, long generation, Duration waited) {}
