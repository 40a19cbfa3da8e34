// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.AddressSpace;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The failures of {@code mprotect}, and their order. */
final class ProtectErrnoTest {
    private static final long PAGE = CallArguments.PAGE;
    private static final long PLACE = CallArguments.PLACE;
    private static final int FIXED = CallArguments.ANON | Mman.FIXED;

    /** A call that makes three pages of a mapping of five pages writable. */
    private static final class Mprotect extends CallArguments {
        long address = PLACE + PAGE;
        long length = 3 * PAGE;
        int protection = RW;

        /** Whether the mapping is of a file that is open only for reading. */
        boolean ofFile;

        Mprotect() {
            before(space -> {
                int flags = ofFile ? Mman.SHARED | Mman.FIXED : FIXED;
                space.throwing().mmap(PLACE, 5 * PAGE, Mman.READ, flags, OpenFiles.R, 0);
            });
        }

        @Override
        long call(AddressSpace space) {
            return space.mprotect(address, length, protection);
        }
    }

    @TestFactory
    @DisplayName("mprotect")
    List<DynamicTest> mprotect() {
        return new ErrnoTable<>(Mprotect::new)
                .row(
                        Errno.EINVAL,
                        "both GROWS bits",
                        mprotect -> mprotect.protection |= Mman.PROT_GROWSDOWN | Mman.PROT_GROWSUP)
                .row(Errno.EINVAL, "not a page boundary", mprotect -> mprotect.address++)
                .row(Errno.ENOMEM, "the range wraps", mprotect -> mprotect.length = -2 * PAGE)
                .row(Errno.ENOMEM, "the length rounds to 0", mprotect -> mprotect.length = -1)
                .row(Errno.EINVAL, "a bit that no right has", mprotect -> mprotect.protection |= 0x10)
                .row(Errno.ENOMEM, "nothing there", mprotect -> mprotect.address += 16 * PAGE)
                .row(Errno.EINVAL, "GROWSDOWN without a stack", mprotect -> mprotect.protection |= Mman.PROT_GROWSDOWN)
                .row(Errno.ENOMEM, "a hole at the start", mprotect -> mprotect.address = PLACE - PAGE)
                .row(Errno.EINVAL, "GROWSUP, which nothing does", mprotect -> mprotect.protection |= Mman.PROT_GROWSUP)
                .row(Errno.EACCES, "a shared file open for reading", mprotect -> mprotect.ofFile = true)
                .row(Errno.EPERM, "sealed", mprotect -> mprotect.seal(PLACE, 5))
                .row(Errno.ENOMEM, "over the limit of data", mprotect -> mprotect.limit(Resource.DATA, 2 * PAGE))
                .row(Errno.ENOMEM, "more than can be promised", mprotect -> mprotect.machine.commitLimit(2 * PAGE))
                .row(Errno.ENOMEM, "would make too many mappings", mprotect -> mprotect.machine.maxMapCount(1))
                .tests();
    }
}
