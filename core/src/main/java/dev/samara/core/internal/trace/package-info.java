// SPDX-License-Identifier: Apache-2.0
/**
 * The events of the JVM's flight recorder ({@code jdk.jfr}). The rest of the library reaches them through {@link
 * dev.samara.core.internal.trace.Tracepoints} only, which works without the module {@code jdk.jfr}, too.
 *
 * <p>Each event is a class whose name ends with {@code Event}. Annotations define its names, units and thresholds;
 * {@code META-INF/jfr/samara.jfc} contains the settings of a recording. The package depends on no other package of
 * Samara.
 */
@NullMarked
package dev.samara.core.internal.trace;

import org.jspecify.annotations.NullMarked;
