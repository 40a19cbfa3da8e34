// SPDX-License-Identifier: Apache-2.0
/**
 * A live view of machines at work: what they have in memory, and how many events occur per second.
 *
 * <p>{@link dev.samara.tool.top.SampleSource} takes samples, all of them through the public API of the library.
 * {@link dev.samara.tool.top.LiveView} takes one at each interval and gives it to a {@link
 * dev.samara.tool.top.ViewOutput}: {@link dev.samara.tool.top.LiveScreen} redraws a terminal on its alternate
 * screen, {@link dev.samara.tool.top.PlainRows} and {@link dev.samara.tool.top.JsonRows} write lines. {@code
 * LiveScreen.end} leaves the alternate screen; {@code LiveView} calls it also when the JVM is ended (Ctrl-C).
 *
 * <p>A sample takes no lock of a space, and its numbers are not of one instant.
 */
@NullMarked
package dev.samara.tool.top;

import org.jspecify.annotations.NullMarked;
