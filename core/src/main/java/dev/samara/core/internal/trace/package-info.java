// SPDX-License-Identifier: Apache-2.0
/**
 * The events of the JVM's flight recorder ({@code jdk.jfr}). The rest of the library reaches them through {@link
 * dev.samara.core.internal.trace.Tracepoints} only, which works without the module {@code jdk.jfr}, too.
 *
 * <p>An event is a class of its own, whose name ends with {@code Event}. Its names, units and thresholds are those of
 * its annotations; {@code META-INF/jfr/samara.jfc} has the settings of a recording. The package depends on nothing.
 */
@NullMarked
package dev.samara.core.internal.trace;

import org.jspecify.annotations.NullMarked;
