// SPDX-License-Identifier: Apache-2.0
/**
 * A concurrent address space: mappings with their backings and rights, the calls of {@code mman.h} on them, and their
 * memory, which simulated CPUs read and write through page tables and TLBs.
 *
 * <p>The description of {@link dev.samara.core} holds the contract.
 */
@org.jspecify.annotations.NullMarked
module dev.samara.core {
    requires dev.samara.maple;
    requires org.jctools.core.jdk11;
    requires static com.google.errorprone.annotations;
    requires static java.management;
    requires static jdk.jfr;
    requires static org.jspecify;

    exports dev.samara.core;
    exports dev.samara.core.annotation;
    exports dev.samara.core.backing;
    exports dev.samara.core.event;
    exports dev.samara.core.guest;
    exports dev.samara.core.mman;
    exports dev.samara.core.vma;
}
