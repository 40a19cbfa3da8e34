// SPDX-License-Identifier: Apache-2.0
/**
 * A live view of running machines: what is in their memory, and how many events occur per second.
 *
 * <p>{@link dev.samara.tool.top.SampleSource} takes samples, only through the public API of the library. {@link
 * dev.samara.tool.top.LiveView} takes a sample at each interval and passes it to a {@link
 * dev.samara.tool.top.ViewOutput}: {@link dev.samara.tool.top.LiveScreen} redraws a terminal for each sample, on the
 * terminal's alternate screen. {@link dev.samara.tool.top.PlainRows} and {@link dev.samara.tool.top.JsonRows} write
 * lines. {@code LiveScreen.end} leaves the alternate screen. {@code LiveView} calls it even if the JVM is ended, e.g.
 * by Ctrl-C.
 *
 * <p>A sample takes no lock of a space, so its numbers are not from a single instant.
 */
@NullMarked
package dev.samara.tool.top;

import org.jspecify.annotations.NullMarked;
