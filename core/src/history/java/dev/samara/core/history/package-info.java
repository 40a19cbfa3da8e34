// SPDX-License-Identifier: Apache-2.0
/**
 * Historical bugs of Linux, each as the test that would have shown it.
 */
@NullMarked
package dev.samara.core.history;

import org.jspecify.annotations.NullMarked;
