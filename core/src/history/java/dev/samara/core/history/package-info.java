// SPDX-License-Identifier: Apache-2.0
/** Historical bugs of Linux, each as a test that would have found it. */
@NullMarked
package dev.samara.core.history;

import org.jspecify.annotations.NullMarked;
