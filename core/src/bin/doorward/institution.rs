//! `doorward institution …`

use clap::Subcommand;
use doorward::{Doorward, Institution, InstitutionQuery, NewInstitution};

use crate::{
    failure::{Answer, Failure},
    output::{Output, joined, record, table, time},
    paging::{self, Paging},
};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Create an institution
    #[command(after_help = "\
Examples:
  doorward institution create 'Acme Bank' --region US,SG
  doorward institution create 'Acme Bank' --id acme")]
    Create {
        /// Its name, 1 to 255 characters
        name: String,
        /// Your own id for it, 1 to 128 of A-Z a-z 0-9 _ . : -; else one is made
        #[arg(long)]
        id: Option<String>,
        /// Where it is at work: US, EU_UK, SG, UAE, or a configured one; several with commas
        #[arg(long = "region", value_name = "REGION", value_delimiter = ',')]
        regions: Vec<String>,
    },
    /// List institutions
    List {
        #[command(flatten)]
        paging: Paging,
    },
}

impl Verb {
    pub(crate) fn run(self, door: &Doorward, output: &Output) -> Result<Answer, Failure> {
        match self {
            Self::Create { name, id, regions } => {
                let regions = regions.iter().map(|region| region.parse()).collect::<Result<Vec<_>, _>>()?;
                let id = id.as_deref().map(str::parse).transpose()?;
                let institution = door.create_institution(NewInstitution { id, name, regions })?;
                output.show(&institution, || {
                    record([
                        ("id", institution.id.to_string()),
                        ("name", institution.name.clone()),
                        ("regions", joined(&institution.regions)),
                        ("created", time(institution.created_at)),
                    ])
                })?;
            }
            Self::List { paging } => {
                let page = door.list_institutions(&InstitutionQuery { page: paging.request()? })?;
                output.show(&page, || table(["ID", "NAME", "REGIONS", "CREATED"], page.items.iter().map(row)))?;
                paging::remark(&page, output);
            }
        }
        Ok(Answer::Done)
    }
}

fn row(institution: &Institution) -> [String; 4] {
    [institution.id.to_string(), institution.name.clone(), joined(&institution.regions), time(institution.created_at)]
}
