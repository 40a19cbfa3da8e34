// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.trace;

import java.nio.file.Path;
import java.util.List;

/**
 * One parsed recording.
 *
 * @param file the file
 * @param header the description of the address space
 * @param start the snapshot at the start
 * @param entries the entries after it, in order, including later snapshots
 */
public record Trace(Path file, TraceHeader header, KernelSnapshot start, List<TraceEntry> entries) {}
