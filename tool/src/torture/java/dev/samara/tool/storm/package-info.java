// SPDX-License-Identifier: Apache-2.0
/**
 * CPUs that access one space in GUEST while other threads remove its pages and rights. Each access is checked against
 * the allowed content of its page, and against the calls that have returned.
 *
 * <p>The checks use only pages, stamps and calls, not the internal state of the library. {@link
 * dev.samara.tool.storm.Storm} runs all groups for a set time.
 */
@NullMarked
package dev.samara.tool.storm;

import org.jspecify.annotations.NullMarked;
