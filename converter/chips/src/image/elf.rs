//! ELF: one loadable segment, with symbols for the model's start and end.

use object::Endianness;
use object::elf::{
    ELFOSABI_NONE, EM_ARM, EM_RISCV, EM_XTENSA, ET_EXEC, PF_R, PT_LOAD, SHF_ALLOC, SHT_PROGBITS,
    STB_GLOBAL, STT_OBJECT,
};
use object::write::elf::{FileHeader, ProgramHeader, SectionHeader, Sym, Writer};

use super::Image;

/// The instruction set that a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// Arm.
    Arm,
    /// RISC-V, 32 bits.
    RiscV,
    /// Xtensa.
    Xtensa,
}

impl Machine {
    /// `e_machine` and `e_flags`: EABI version 5; compressed instructions, soft float.
    fn codes(self) -> (u16, u32) {
        match self {
            Self::Arm => (EM_ARM, 0x0500_0000),
            Self::RiscV => (EM_RISCV, 1),
            Self::Xtensa => (EM_XTENSA, 0x300),
        }
    }
}

/// The image as an executable ELF file without an entry: section and segment `.sla_model`, symbols
/// `sla_model` and `sla_model_end`.
///
/// # Panics
/// Never: nothing is written that was not reserved.
pub fn elf(image: &Image, machine: Machine) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = Writer::new(Endianness::Little, false, &mut file);
    let (address, bytes) = (u64::from(image.address), image.bytes.len() as u64);
    let (e_machine, e_flags) = machine.codes();

    writer.reserve_file_header();
    writer.reserve_program_headers(1);
    writer.reserve_null_section_index();
    let name = writer.add_section_name(b".sla_model");
    let section = writer.reserve_section_index();
    let offset = writer.reserve(image.bytes.len(), 16) as u64;
    writer.reserve_null_symbol_index();
    let symbols = [
        (&b"sla_model"[..], address, bytes),
        (b"sla_model_end", address + bytes, 0),
    ];
    let symbols = symbols.map(|(name, st_value, st_size)| {
        let name = writer.add_string(name);
        writer.reserve_symbol_index(Some(section));
        (name, st_value, st_size)
    });
    writer.reserve_symtab_section_index();
    writer.reserve_symtab();
    writer.reserve_strtab_section_index();
    writer.reserve_strtab();
    writer.reserve_shstrtab_section_index();
    writer.reserve_shstrtab();
    writer.reserve_section_headers();

    writer
        .write_file_header(&FileHeader {
            os_abi: ELFOSABI_NONE,
            abi_version: 0,
            e_type: ET_EXEC,
            e_machine,
            e_entry: 0,
            e_flags,
        })
        .expect("all of it was reserved");
    writer.write_align_program_headers();
    writer.write_program_header(&ProgramHeader {
        p_type: PT_LOAD,
        p_flags: PF_R,
        p_offset: offset,
        p_vaddr: address,
        p_paddr: address,
        p_filesz: bytes,
        p_memsz: bytes,
        p_align: 16,
    });
    writer.write_align(16);
    writer.write(image.bytes);
    writer.write_null_symbol();
    for (name, st_value, st_size) in symbols {
        writer.write_symbol(&Sym {
            name: Some(name),
            section: Some(section),
            st_info: STB_GLOBAL << 4 | STT_OBJECT,
            st_other: 0,
            st_shndx: 0,
            st_value,
            st_size,
        });
    }
    writer.write_strtab();
    writer.write_shstrtab();
    writer.write_null_section_header();
    writer.write_section_header(&SectionHeader {
        name: Some(name),
        sh_type: SHT_PROGBITS,
        sh_flags: SHF_ALLOC.into(),
        sh_addr: address,
        sh_offset: offset,
        sh_size: bytes,
        sh_link: 0,
        sh_info: 0,
        sh_addralign: 16,
        sh_entsize: 0,
    });
    writer.write_symtab_section_header(1);
    writer.write_strtab_section_header();
    writer.write_shstrtab_section_header();
    file
}
