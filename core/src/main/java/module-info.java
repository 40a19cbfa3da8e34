// SPDX-License-Identifier: Apache-2.0
/**
 * Samara's address space: what is mapped where, who may touch it, and the operations of {@code mm/} on it.
 */
@org.jspecify.annotations.NullMarked
module dev.samara.core {
    requires dev.samara.maple;
    requires static transitive org.jspecify;

    exports dev.samara.core;
    exports dev.samara.core.backing;
    exports dev.samara.core.vma;
}
