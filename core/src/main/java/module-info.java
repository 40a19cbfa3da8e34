// SPDX-License-Identifier: Apache-2.0
/**
 * Samara's address spaces: what is mapped where and with which rights, the operations of {@code mm/} on it, and memory
 * behind it, which CPUs with TLBs read and write.
 */
@org.jspecify.annotations.NullMarked
module dev.samara.core {
    requires dev.samara.maple;
    requires static java.management;
    requires static transitive org.jspecify;

    exports dev.samara.core;
    exports dev.samara.core.backing;
    exports dev.samara.core.event;
    exports dev.samara.core.mman;
    exports dev.samara.core.vma;
}
