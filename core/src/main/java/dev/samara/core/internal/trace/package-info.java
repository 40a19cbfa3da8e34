// SPDX-License-Identifier: Apache-2.0
/**
 * The events of the JVM's flight recorder ({@code jdk.jfr}). The rest of the library uses them only through {@link
 * dev.samara.core.internal.trace.Tracepoints}, which also works without the module {@code jdk.jfr}.
 *
 * <p>Each event is a nested class of it whose name ends with {@code Event}. Annotations define its names, units and
 * thresholds; {@code META-INF/jfr/samara.jfc} contains the settings of a recording. The package depends on no other
 * package of Samara except {@code dev.samara.core.mman}.
 */
@NullMarked
package dev.samara.core.internal.trace;

import org.jspecify.annotations.NullMarked;
