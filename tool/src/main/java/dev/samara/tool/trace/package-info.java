// SPDX-License-Identifier: Apache-2.0
/**
 * The recorded operations of one address space of a real program, as stored in a {@code .trace.gz} file.
 *
 * <p>A {@link dev.samara.tool.trace.Trace} consists of a {@link dev.samara.tool.trace.TraceHeader} and {@link
 * dev.samara.tool.trace.TraceEntry entries}, in the order in which the kernel executed them: operations, events of the
 * process, and snapshots of {@code /proc/PID/maps} and of the {@code VmFlags} in {@code smaps}. {@link
 * dev.samara.tool.trace.TraceParser} reads a trace. {@link dev.samara.tool.trace.TraceFolder} finds the parent and the
 * children of a trace. This package does not depend on the library's results.
 */
@NullMarked
package dev.samara.tool.trace;

import org.jspecify.annotations.NullMarked;
