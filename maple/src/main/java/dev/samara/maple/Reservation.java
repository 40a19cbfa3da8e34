// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

/**
 * The content of a reserved slot. Never leaves the package: lookups treat the slot as free, the allocation view reports
 * the owner.
 *
 * @param owner compared by identity
 */
record Reservation(Object owner) {}
