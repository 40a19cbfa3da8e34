// SPDX-License-Identifier: Apache-2.0
/**
 * CPUs that access one space in GUEST while other threads take its pages and rights away, judged by what each page may
 * contain and by what has returned.
 *
 * <p>The judges know pages, stamps and calls only; nothing from inside the library. {@link
 * dev.samara.examples.storm.Storm} runs it all for a set time.
 */
@NullMarked
package dev.samara.examples.storm;

import org.jspecify.annotations.NullMarked;
