// SPDX-License-Identifier: Apache-2.0

/**
 * A concurrent range map from unsigned 64-bit indexes to values, with lookups that take no lock.
 *
 * <p>The package {@link dev.samara.maple} is the whole API; its description is the contract.
 */
@org.jspecify.annotations.NullMarked
module dev.samara.maple {
    requires static org.jspecify;

    exports dev.samara.maple;
}
