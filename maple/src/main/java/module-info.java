// SPDX-License-Identifier: Apache-2.0

/**
 * A concurrent range map: every unsigned 64-bit index has one value or none, and readers take no lock.
 *
 * <p>The package {@link dev.samara.maple} is the whole API. Its description holds the contract.
 */
@org.jspecify.annotations.NullMarked
module dev.samara.maple {
    requires static org.jspecify;

    exports dev.samara.maple;
}
