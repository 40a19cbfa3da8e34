// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

/**
 * The content of a reserved slot. It never escapes the package: lookups treat the slot as free, and the allocation view
 * returns only the owner.
 *
 * @param owner compared by identity
 */
record Reservation(Object owner) {}
