// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

/**
 * What a reserved slot holds. Never leaves the package: lookups take it for nothing, the allocation view reports its
 * owner.
 *
 * @param owner compared by identity
 */
record Reservation(Object owner) {}
