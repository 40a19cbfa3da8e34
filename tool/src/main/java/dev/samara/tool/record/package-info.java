// SPDX-License-Identifier: Apache-2.0
/**
 * The common parts of the two kinds of recording: compressed lines, one recorded call per line, and its result.
 *
 * <p>{@link dev.samara.tool.record.RecordedLines} returns the lines with their numbers, so that the message of every
 * exception contains the file and the line. {@link dev.samara.tool.record.HeaderValues} collects the header. {@link
 * dev.samara.tool.record.Fields} splits the line of a call, {@link dev.samara.tool.record.CallParser} converts it to a
 * {@link dev.samara.tool.record.MemoryCall}, and {@link dev.samara.tool.record.Outcome} is the kernel's result. A
 * finding of a check is a {@link dev.samara.tool.record.Difference}, and all findings in one file are a {@link
 * dev.samara.tool.record.FileReport}.
 */
@NullMarked
package dev.samara.tool.record;

import org.jspecify.annotations.NullMarked;
