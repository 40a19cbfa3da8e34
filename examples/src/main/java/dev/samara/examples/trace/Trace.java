// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.trace;

import java.nio.file.Path;
import java.util.List;

/**
 * One recording, read.
 *
 * @param file where it was read
 * @param header what it says about the address space
 * @param start the snapshot that it begins with
 * @param entries what followed, in order, later snapshots included
 */
public record Trace(Path file, TraceHeader header, KernelSnapshot start, List<TraceEntry> entries) {}
