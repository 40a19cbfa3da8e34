// SPDX-License-Identifier: Apache-2.0

/** A concurrent range map. */
package dev.samara.maple;
