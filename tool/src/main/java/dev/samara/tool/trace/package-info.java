// SPDX-License-Identifier: Apache-2.0
/**
 * The recorded life of one address space of a real program, as stored in a {@code .trace.gz} file.
 *
 * <p>A {@link dev.samara.tool.trace.Trace} is a {@link dev.samara.tool.trace.TraceHeader} and then, in the
 * order in which the kernel executed them, {@link dev.samara.tool.trace.TraceEntry entries}: operations, events of
 * the process, and snapshots of {@code /proc/PID/maps} and of the {@code VmFlags} in {@code smaps}. {@link
 * dev.samara.tool.trace.TraceParser} reads it. {@link dev.samara.tool.trace.TraceFolder} finds the parent and
 * the children of a trace. This package is independent of the library's results.
 */
@NullMarked
package dev.samara.tool.trace;

import org.jspecify.annotations.NullMarked;
