// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.trace;

/**
 * An event with a duration, from its start to its end. Created only while a recording enables events of its kind. Used
 * by one thread at a time, which passes it back to {@link Tracepoints}. An event that is never ended is not recorded.
 */
public interface BegunEvent {}
