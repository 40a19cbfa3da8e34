// SPDX-License-Identifier: Apache-2.0
/**
 * The common parts of the two kinds of recording: compressed lines, one recorded call per line, and its result.
 *
 * <p>{@link dev.samara.tool.record.RecordedLines} returns the lines with their numbers, so that every exception
 * names file and line. {@link dev.samara.tool.record.HeaderValues} collects the header. {@link
 * dev.samara.tool.record.Fields} splits the line of a call, {@link dev.samara.tool.record.CallParser} makes a
 * {@link dev.samara.tool.record.MemoryCall} of it, and {@link dev.samara.tool.record.Outcome} is the kernel's
 * answer. A finding of a check is a {@link dev.samara.tool.record.Difference}, and all findings in one file are a
 * {@link dev.samara.tool.record.FileReport}.
 */
@NullMarked
package dev.samara.tool.record;

import org.jspecify.annotations.NullMarked;
