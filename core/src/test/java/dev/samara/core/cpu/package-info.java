// SPDX-License-Identifier: Apache-2.0
/**
 * CPUs: claimed and handed over, in GUEST, and LAZY with each strategy.
 */
@NullMarked
package dev.samara.core.cpu;

import org.jspecify.annotations.NullMarked;
