// SPDX-License-Identifier: Apache-2.0
/** What the tests of the tool share. */
@NullMarked
package dev.samara.examples;

import org.jspecify.annotations.NullMarked;
